"""bench/pages.py: pages of a long archive through the real server, for bench/run and ./test long archive.

archive_pages fills a server's database (a tenth of all messages is load000000's) and shows what pages cost the store; then
the server runs on it and a client asks it for pages, one after the other."""
import re
import subprocess

from media import Client, cpu_ns

MAM, RSM = "urn:xmpp:mam:2", "http://jabber.org/protocol/rsm"
PAGE, PAGES = 50, 200


def field(name, value):
    return f"<field var='{name}'><value>{value}</value></field>"


def ask(client, fields, rsm, rows):
    """One page of so many rows; its first and last id."""
    got = client.ask(f"<iq type='set' id='q'><query xmlns='{MAM}'><x xmlns='jabber:x:data' type='submit'>"
                     f"{field('FORM_TYPE', MAM)}{fields}</x><set xmlns='{RSM}'><max>{PAGE}</max>{rsm}</set></query></iq>", "</iq>")
    if got.count("<result ") != rows:
        raise SystemExit(f"{got.count('<result ')} rows instead of {rows}: {got[-500:]}")
    return re.search("<first>(.*?)<", got).group(1), re.search("<last>(.*?)<", got).group(1)


def kinds(client, messages):
    """What to ask for, as functions that do it: each page another one where there are others."""
    place = {"last": "", "with": "", "middle": ask(client, field("start", moment(messages // 2)), "", PAGE)[1]}

    def back(name, fields):
        place[name] = ask(client, fields, f"<before>{place[name]}</before>", PAGE)[0]

    def forward():
        place["middle"] = ask(client, "", f"<after>{place['middle']}</after>", PAGE)[1]

    old = field("with", "load000011@localhost")
    yield "backwards from the end", lambda i: back("last", "")
    yield "forwards from the middle", lambda i: forward()
    yield "from a time", lambda i: ask(client, field("start", moment(messages // 4 + i * messages // 1000)), "", PAGE)
    yield "backwards with a contact", lambda i: back("with", field("with", "load000001@localhost"))
    yield "ten old ones of a contact", lambda i: ask(client, old, "<before/>", 10)


def moment(message):
    import datetime
    return (datetime.datetime(2020, 9, 13, 12, 26, 40) + datetime.timedelta(seconds=10 * message)).isoformat() + "Z"


def at_size(run, messages):
    server = run.Confabd(12, archive="always", web="yes")
    server.stop()
    done = subprocess.run([f"{run.BUILD}/bench/archive_pages", "--keep", server.dir, str(messages)], capture_output=True, text=True)
    print(done.stdout, end="", flush=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    run.row(f"archive of {messages}: on disk", float(re.search(r"(\d+) bytes on disk", done.stdout).group(1)), "B/msg")
    for name, pages, us in re.findall(r"^  (.*?) +\d+ rows +([\d.]+) pages +([\d.]+) us", done.stdout, re.M):
        run.row(f"archive of {messages}, store: {name}", float(us), "us", remark=f"{pages} database pages")
    server.start()
    client = Client(server.tls_port, "load000000", "load")
    cpu = {}
    for name, turn in kinds(client, messages):
        turn(0)
        began = cpu_ns(server.pid)
        count = min(PAGES, messages // 10 // PAGE // 25)
        for i in range(1, count + 1):
            turn(i)
        cpu[name] = (cpu_ns(server.pid) - began) / count / 1000
        run.row(f"archive of {messages}, server: {name}", cpu[name], "us/page", remark=f"{count} pages of {PAGE}")
    server.stop()
    return cpu


def compare(run, quick, sizes=None):
    """The bar: a page costs the same at every size. Twice and a half allows for memory that is not in a cache; a scan costs a thousand times."""
    sizes = sizes or ((100_000, 300_000) if quick else (100_000, 1_000_000, 10_000_000))
    costs = [at_size(run, n) for n in sizes]
    for name in costs[0]:
        run.row(f"page at {sizes[-1]} beside {sizes[0]}: {name}", costs[-1][name] / costs[0][name], "x", 2.5)
