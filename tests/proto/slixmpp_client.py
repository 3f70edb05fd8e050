"""A slixmpp client that a test drives: JSON lines in (what to do), JSON lines out (what happened)."""
import asyncio
import json
import sys

import slixmpp


def tell(event, **facts):
    print(json.dumps({"event": event, **facts}), flush=True)


class Driven(slixmpp.ClientXMPP):
    def __init__(self, jid, password):
        super().__init__(jid, password)
        for plugin in ("xep_0030", "xep_0199", "xep_0198", "xep_0184", "xep_0085", "xep_0313"):
            self.register_plugin(plugin)
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("message", self.got_message)
        self.add_event_handler("changed_status", self.got_presence)
        self.add_event_handler("presence_subscribe", lambda p: tell("subscribe", jid=p["from"].bare))
        self.add_event_handler("failed_auth", lambda _: tell("failed_auth"))
        self.add_event_handler("ssl_invalid_chain", lambda e: tell("bad_certificate", reason=str(e)))
        self.add_event_handler("disconnected", lambda _: tell("disconnected"))
        self.auto_authorize = None
        self.auto_subscribe = False

    async def started(self, _):
        self.send_presence()
        await self.get_roster()
        cipher = self.transport.get_extra_info("cipher")
        tell("started", jid=str(self.boundjid), tls=cipher[1] if cipher else None)

    def got_message(self, message):
        if message["type"] in ("chat", "normal"):
            tell("message", jid=str(message["from"]), body=message["body"])

    def got_presence(self, presence):
        tell("presence", jid=str(presence["from"]), type=presence["type"])

    async def obey(self, order):
        what = order["do"]
        if what == "say":
            self.send_message(mto=order["to"], mbody=order["body"], mtype="chat")
        elif what == "subscribe":
            self.send_presence(pto=order["to"], ptype="subscribe")
        elif what == "approve":
            self.send_presence(pto=order["to"], ptype="subscribed")
        elif what == "ping":
            seconds = await self["xep_0199"].ping(jid=order["to"], timeout=10)
            tell("pong", ok=seconds is not None)
        elif what == "archive":
            bodies = []
            async for found in self["xep_0313"].iterate(rsm={"max": 10}):
                bodies.append(found["mam_result"]["forwarded"]["stanza"]["body"])
            tell("archive", bodies=bodies)
        elif what == "quit":
            await self.disconnect()


async def main():
    host, port, jid, password, ca, direct = sys.argv[1:7]
    client = Driven(jid, password)
    client.ca_certs = ca
    client.connect((host, int(port)), use_ssl=direct == "direct", force_starttls=direct != "direct")
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        await client.obey(json.loads(line))


asyncio.get_event_loop().run_until_complete(main())
