"""An XMPP client that is not timmsg, for the specs: Debian's python3-slixmpp, started by spec/slixmpp.lua.
python3 slixmpp_peer.py JID PASSWORD PORT CA_FILE
It obeys lines of JSON on its standard input, {"do": NAME, ...}, and prints as such what it receives and does. It ends
with its standard input."""

import asyncio
import json
import os
import sys
import urllib.request

import slixmpp

JID, PASSWORD, PORT, CA_FILE = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]

PLUGINS = ["xep_0030", "xep_0045", "xep_0066", "xep_0184", "xep_0249", "xep_0280", "xep_0333", "xep_0334",
           "xep_0359", "xep_0363", "xep_0424"]

OOB = "{jabber:x:oob}x/{jabber:x:oob}url"


def say(**what):
    print(json.dumps(what), flush=True)


class Peer(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__(JID, PASSWORD)
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        self.ca_certs = CA_FILE
        self.reconnect_max_delay = 1
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("message", self.heard)
        self.add_event_handler("message_error", self.heard)
        self.add_event_handler("marker_displayed", lambda m: self.told("displayed", m, m["displayed"]["id"]))
        self.add_event_handler("receipt_received", lambda m: self.told("received", m, m["receipt"]))
        self.add_event_handler("message_retract", lambda m: self.told("retracted", m, m["apply_to"]["id"]))
        self.add_event_handler("groupchat_direct_invite",
                               lambda m: say(event="invited", sender=str(m["from"]), room=str(m["groupchat_invite"]["jid"])))
        self.add_event_handler("failed_all_auth", lambda _: say(event="refused"))

    async def started(self, _):
        self.send_presence()
        await self["xep_0280"].enable()
        say(event="up", jid=str(self.boundjid))

    def told(self, event, message, target):
        say(event=event, sender=str(message["from"]), target=target)

    def heard(self, message):
        url = message.xml.find(OOB)
        say(event="message", sender=str(message["from"]), type=message["type"], id=message["id"], body=message["body"],
            url=None if url is None else url.text)

    # ---- what it is told to do ----

    async def do_send(self, to, body, type="chat", url=None, markable=False, receipt=False):
        message = self.make_message(mto=to, mbody=body, mtype=type)
        if url:
            message["oob"]["url"] = url
        if markable:
            message.enable("markable")
        if receipt:
            message["request_receipt"] = True
        message.send()
        say(event="sent", id=message["id"])

    # the plugin's send_marker without the hint: ejabberd archives no message that has neither a body nor that
    async def do_marker(self, to, id):
        message = self.make_message(mto=to, mtype="chat")
        message["displayed"]["id"] = id
        message.enable("store")
        message.send()

    async def do_retract(self, to, id, type="chat"):
        self["xep_0424"].send_retraction(to, id, type)

    async def do_join(self, room, nick):
        await self["xep_0045"].join_muc_wait(room, nick, maxstanzas=0)
        say(event="joined", room=room)

    # this version's find_upload_service does not work with Python 3.11
    async def find_upload_service(self):
        items = await self["xep_0030"].get_items(self.boundjid.domain)
        for jid, _, _ in items["disco_items"]["items"]:
            info = await self["xep_0030"].get_info(jid)
            if "urn:xmpp:http:upload:0" in info["disco_info"]["features"]:
                return jid
        raise LookupError("no service for uploads")

    # what the plugin's upload_file does
    async def do_upload(self, path, content_type):
        service = await self.find_upload_service()
        slot = await self["xep_0363"].request_slot(service, os.path.basename(path), os.path.getsize(path), content_type)
        slot = slot["http_upload_slot"]
        with open(path, "rb") as file:
            content = file.read()
        headers = {header["name"]: header["value"] for header in slot["put"]["headers"]}
        headers["Content-Type"] = content_type
        request = urllib.request.Request(slot["put"]["url"], content, headers, method="PUT")
        with urllib.request.urlopen(request) as answer:
            say(event="uploaded", status=answer.status, url=slot["get"]["url"])

    async def do_fetch(self, url, path):
        with urllib.request.urlopen(url) as answer, open(path, "wb") as file:
            file.write(answer.read())
        say(event="fetched", url=url)


async def obey(peer, order):
    try:
        await getattr(peer, "do_" + order.pop("do"))(**order)
    except Exception as failure:
        print(repr(failure), file=sys.stderr, flush=True)
        os._exit(1)


async def main():
    loop = asyncio.get_event_loop()
    peer = Peer()
    peer.connect(("127.0.0.1", PORT))
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        asyncio.ensure_future(obey(peer, json.loads(line)))
    os._exit(0)


asyncio.get_event_loop().run_until_complete(main())
