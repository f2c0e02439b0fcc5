-- Pictures: small real files of the formats that image elements know, made byte by byte. Each is one plain area.

local pictures = {}

local function crc32(text)
  local crc = 0xffffffff
  for i = 1, #text do
    crc = crc ~ text:byte(i)
    for _ = 1, 8 do
      crc = crc & 1 == 1 and (crc >> 1) ~ 0xedb88320 or crc >> 1
    end
  end
  return crc ~ 0xffffffff
end

local function adler32(text)
  local a, b = 1, 0
  for i = 1, #text do
    a = (a + text:byte(i)) % 65521
    b = (b + a) % 65521
  end
  return b << 16 | a
end

-- Puts bits together, the first in the lowest place of a byte or (`high_first`) in its highest.
local function pack_bits(bits, high_first)
  local bytes, byte, count = {}, 0, 0
  for bit in bits:gmatch "." do
    byte = byte | (bit == "1" and 1 or 0) << (high_first and 7 - count or count)
    count = count + 1
    if count == 8 then
      bytes[#bytes + 1] = string.char(byte)
      byte, count = 0, 0
    end
  end
  if count > 0 then bytes[#bytes + 1] = string.char(byte) end
  return table.concat(bytes)
end

-- Grey, 8 bits, the pixels not compressed.
function pictures.png(width, height)
  local function chunk(kind, data)
    return string.pack(">I4", #data) .. kind .. data .. string.pack(">I4", crc32(kind .. data))
  end
  local rows = ("\0" .. ("\128"):rep(width)):rep(height)
  local blocks = {}
  for at = 1, #rows, 65535 do
    local block = rows:sub(at, at + 65534)
    blocks[#blocks + 1] = string.pack("<BI2I2", at + 65535 > #rows and 1 or 0, #block, ~#block & 0xffff) .. block
  end
  return "\x89PNG\r\n\x1a\n" .. chunk("IHDR", string.pack(">I4I4BBBBB", width, height, 8, 0, 0, 0, 0))
    .. chunk("IDAT", "\x78\x01" .. table.concat(blocks) .. string.pack(">I4", adler32(rows))) .. chunk("IEND", "")
end

-- Grey; every block is "no difference, nothing else", for which the tables have one code each. `more` goes in front of
-- the frame header.
function pictures.jpeg(width, height, more)
  local function segment(marker, data) return "\xff" .. string.char(marker) .. string.pack(">I2", #data + 2) .. data end
  local blocks = ((width + 7) // 8) * ((height + 7) // 8)
  local bits = ("0"):rep(2 * blocks)
  bits = bits .. ("1"):rep(-#bits % 8)
  return "\xff\xd8" .. (more or "") .. segment(0xdb, "\0" .. ("\1"):rep(64))
    .. segment(0xc0, string.pack(">BI2I2BBBB", 8, height, width, 1, 1, 0x11, 0))
    .. segment(0xc4, "\0\1" .. ("\0"):rep(15) .. "\0") .. segment(0xc4, "\x10\1" .. ("\0"):rep(15) .. "\0")
    .. segment(0xda, "\1\1\0\0\x3f\0") .. pack_bits(bits, true) .. "\xff\xd9"
end

-- A segment with another JPEG in it, as cameras put their previews in front.
function pictures.jpeg_preview(width, height)
  local data = "Exif\0\0" .. pictures.jpeg(width, height)
  return "\xff\xe1" .. string.pack(">I2", #data + 2) .. data
end

-- Two colours; the codes are cleared so often that they stay 3 bits wide.
function pictures.gif(width, height)
  local bits = {}
  for i = 0, width * height - 1 do
    if i % 2 == 0 then bits[#bits + 1] = "001" end -- clear (4), the lowest bit first
    bits[#bits + 1] = "100" -- pixel 1
  end
  bits[#bits + 1] = "101" -- end (5)
  local data, blocks = pack_bits(table.concat(bits)), {}
  for at = 1, #data, 255 do
    blocks[#blocks + 1] = string.pack("s1", data:sub(at, at + 254))
  end
  return "GIF89a" .. string.pack("<I2I2BBB", width, height, 0x80, 0, 0) .. "\0\0\0\xff\xff\xff"
    .. "," .. string.pack("<I2I2I2I2B", 0, 0, width, height, 0) .. "\2" .. table.concat(blocks) .. "\0;"
end

-- 24 bits. A negative height runs from the top down.
function pictures.bmp(width, height)
  local row = ("\x80\x40\x20"):rep(width)
  row = row .. ("\0"):rep(-#row % 4)
  local data = row:rep(math.abs(height))
  return "BM" .. string.pack("<I4I4I4", 54 + #data, 0, 54)
    .. string.pack("<I4i4i4I2I2I4I4i4i4I4I4", 40, width, height, 1, 24, 0, #data, 0, 0, 0, 0) .. data
end

return pictures
