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
        for plugin in ("xep_0030", "xep_0199", "xep_0198", "xep_0184", "xep_0085", "xep_0280", "xep_0313", "xep_0333",
                       "xep_0308", "xep_0424", "xep_0444", "xep_0461"):
            self.register_plugin(plugin)
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("session_resumed", lambda _: tell("resumed"))
        self.add_event_handler("message", self.got_message)
        self.add_event_handler("marker_displayed", lambda m: tell("displayed", jid=m["from"].bare, id=m["displayed"]["id"]))
        for way in ("sent", "received"):
            self.add_event_handler("carbon_" + way, lambda m, way=way: self.got_carbon(way, m["carbon_" + way]))
        self.add_event_handler("message_correction", lambda m: tell("correction", id=m["replace"]["id"], body=m["body"]))
        self.add_event_handler("reactions", lambda m: tell("reactions", id=m["reactions"]["id"], signs=[r["value"] for r in m["reactions"]]))
        self.add_event_handler("message_reply", lambda m: tell("reply", id=m["reply"]["id"], to=m["reply"]["to"], body=m["body"]))
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
        mechanism = self["feature_mechanisms"].mech.name
        tell("started", jid=str(self.boundjid), tls=cipher[1] if cipher else None, mechanism=mechanism)

    def got_message(self, message):
        if message["type"] in ("chat", "normal"):
            tell("message", jid=str(message["from"]), body=message["body"], id=message["id"])

    def edit(self, to, body, **facts):
        message = self.make_message(mto=to, mbody=body, mtype="chat")
        for name, value in facts.items():
            plugin, key = name.split("_")
            message[plugin][key] = value
        message.send()

    def got_carbon(self, way, message):
        read = message["displayed"]["id"]
        if read:
            tell("carbon", way=way, displayed=read)
        elif message["body"]:
            tell("carbon", way=way, body=message["body"])

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
        elif what == "carbons":
            await self["xep_0280"].enable()
            tell("carbons")
        elif what == "displayed":
            message = self.make_message(mto=order["to"], mtype="chat")
            message["displayed"]["id"] = order["id"]
            message.send()
        elif what == "correct":
            self.edit(order["to"], order["body"], replace_id=order["id"])
        elif what == "reply":
            self.edit(order["to"], order["body"], reply_id=order["id"], reply_to=order["author"])
        elif what == "react":
            self["xep_0444"].send_reactions(order["to"], order["id"], order["signs"].split())
        elif what == "retract":
            self["xep_0424"].send_retraction(order["to"], order["id"])
        elif what == "connect":
            self.reach()
        elif what == "archive":
            bodies = []
            async for found in self["xep_0313"].iterate(rsm={"max": 10}):
                body = found["mam_result"]["forwarded"]["stanza"]["body"]
                if body:
                    bodies.append(body)
            tell("archive", bodies=bodies)
        elif what == "quit":
            await self.disconnect()


async def main():
    host, port, jid, password, ca, direct = sys.argv[1:7]
    client = Driven(jid, password)
    client.ca_certs = ca
    tls = direct == "direct"
    client.reach = lambda: client.connect((host, int(port)), use_ssl=tls, force_starttls=not tls)
    client.reach()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        await client.obey(json.loads(line))


asyncio.get_event_loop().run_until_complete(main())
