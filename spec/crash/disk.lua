-- Disk: the module inside the library of build/crash (disk_lua.c). Where that library is not the one that is loaded, it is an
-- error.

local path = assert(package.searchpath("timmsg.core", package.cpath))
return assert(package.loadlib(path, "luaopen_disk"))()
