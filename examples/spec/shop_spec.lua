-- The shop's chat, tested without a server, a disk or a wait. Run it from the checkout, as README.md says
-- where the module is found:
--
--   busted --lua=lua5.4 --lpath='examples/spec/?.lua' examples/spec

local shop = require "shop"
local testing = require "timmsg.testing"
local timmsg = require "timmsg"

local C2C <const> = timmsg.C2C

describe("the shop", function()
  local hub, seller, clerk, ann

  before_each(function()
    hub = testing.new()
    seller = shop.new(hub:login "shop", { lamp = 30, chair = 80 }, "clara")
    clerk, ann = hub:login "clara", hub:login "ann"
  end)
  after_each(function() hub:close() end)

  local function ask(text) assert(ann:send_new_msg("shop", C2C, timmsg.text(text))) end

  it("knows its prices", function()
    ask "What does a lamp cost?"
    assert.received(ann, "A lamp costs 30.", 1)
    assert.is_not.received(clerk, function() return true end)
  end)

  it("hands other questions to the clerk, and the answer back", function()
    ask "Is it bright?"
    assert.received(clerk, "ann asks: Is it bright?", 1)
    assert(clerk:send_new_msg("shop", C2C, timmsg.text "ann: Very."))
    assert.received(ann, "Very.", 1)
  end)

  it("apologizes once after ten minutes, not before", function()
    ask "Is it bright?"
    hub:advance(10 * 60 * 1000 - 1)
    assert.unread(ann, "shop", 0)
    hub:advance(1)
    assert.received(ann, "Sorry that it takes so long. We have not forgotten you.", 1)
    hub:advance(60 * 60 * 1000)
    assert.unread(ann, "shop", 1)
  end)

  it("does not apologize for what was answered", function()
    ask "Is it bright?"
    hub:flush()
    assert(clerk:send_new_msg("shop", C2C, timmsg.text "ann: Very."))
    hub:advance(60 * 60 * 1000)
    assert.unread(ann, "shop", 1)
  end)

  it("tries again where a connection breaks, and says nothing twice", function()
    hub:cut(seller.tim, "send_new_msg") -- the answer arrives, but the shop does not hear that it did
    ask "What does a chair cost?"
    hub:advance(2000)
    assert.received(ann, "A chair costs 80.", 1)
    assert.is_nil(seller.unreachable.ann)
  end)

  it("gives up after five attempts", function()
    for _ = 1, 5 do hub:fail(seller.tim, "send_new_msg", timmsg.ERR_SDK_NET_DISCONNECT) end
    ask "What does a chair cost?"
    hub:advance(60 * 1000)
    assert.received(ann, "A chair costs 80.", 0)
    assert.is_true(seller.unreachable.ann)
  end)

  it("answers a customer who was away", function()
    ask "What does a lamp cost?"
    hub:flush()
    hub:offline(ann)
    seller:say("ann", timmsg.text "By the way, lamps are 10 % off today.")
    hub:advance(60 * 1000)
    hub:online(ann)
    assert.unread(ann, "shop", 2)
  end)

  it("takes an offer back while it can, and says so when it cannot", function()
    seller:say("ann", timmsg.text "Everything for 1!")
    hub:flush()
    local offer = hub:received(ann)[1]
    seller:take_back "ann"
    assert.revoked(ann, offer)

    seller:say("ann", timmsg.text "Everything for 2!")
    hub:advance(121 * 1000) -- two minutes is how long a message can be revoked
    seller:take_back "ann"
    assert.is_not.revoked(ann, hub:received(ann)[2])
    assert.received(ann, "Please ignore our last message.", 1)
  end)
end)
