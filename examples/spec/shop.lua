-- Shop: the chat of a small shop. It answers questions about prices, hands all others to a clerk, apologizes if the clerk
-- takes too long, and takes an offer back. Chat logic as an application has it; shop_spec.lua beside it tests it with
-- timmsg.testing. It gets a client that is logged in, and needs no more than that.

local timmsg = require "timmsg"

local C2C <const> = timmsg.C2C
local PATIENCE_MS <const> = 10 * 60 * 1000
local PAUSE_MS <const> = 2000
local ATTEMPTS <const> = 5

local Shop = {}
Shop.__index = Shop

-- Sends until it is through: a message that is sent again is the same one, and arrives once.
function Shop:say(customer, msg, attempt)
  attempt = attempt or 1
  self.tim:send_new_msg(customer, C2C, msg, function(code, _, sent)
    if code == 0 then
      self.last[customer] = sent
    elseif attempt < ATTEMPTS then
      self.tim:after(PAUSE_MS, function() self:say(customer, sent, attempt + 1) end)
    else
      self.unreachable[customer] = true
    end
  end)
end

function Shop:answer(customer, text)
  local thing = text:lower():match "what does an? (%a+) cost"
  local price = thing and self.prices[thing]
  if price then
    self:say(customer, timmsg.text(("A %s costs %d."):format(thing, price)))
    return
  end
  self:say(self.clerk, timmsg.text(customer .. " asks: " .. text))
  local question = {}
  self.open[customer] = question
  self.tim:after(PATIENCE_MS, function(code)
    -- still the same question? (a code: the shop closes)
    if code == 0 and self.open[customer] == question then
      self:say(customer, timmsg.text "Sorry that it takes so long. We have not forgotten you.")
    end
  end)
end

-- What the clerk writes as "name: text" goes to that customer.
function Shop:pass_on(text)
  local customer, answer = text:match "^(.-): (.+)$"
  if not customer then return end
  self.open[customer] = nil
  self:say(customer, timmsg.text(answer))
end

-- Takes back what was last said to a customer; says so where it is too late for that.
function Shop:take_back(customer)
  local msg = self.last[customer]
  if not msg then return end
  self.tim:revoke(customer, C2C, msg, function(code)
    if code ~= 0 then self:say(customer, timmsg.text "Please ignore our last message.") end
  end)
end

-- The shop of a client that is logged in. `prices`: by the names of things. `clerk`: a user.
local function new(tim, prices, clerk)
  local self = setmetatable({ tim = tim, prices = prices, clerk = clerk, open = {}, last = {}, unreachable = {} }, Shop)
  tim:on("recv_new_msg", function(msgs)
    for _, msg in ipairs(msgs) do
      local text = msg.message_elem_array[1].text_elem_content
      if text and msg.message_sender == clerk then
        self:pass_on(text)
      elseif text and not msg.message_is_from_self then
        self:answer(msg.message_sender, text)
      end
    end
  end)
  return self
end

return { new = new }
