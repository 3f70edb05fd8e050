"""media.py: files over TLS, Confab beside Debian's nginx: CPU for a GB downloaded and for a request for a small file.

Both serve the same files with the same certificate to the same curl, by turns, so that a busy moment hits both; CPU is that
of all threads, as the scheduler counts it."""
import base64
import getpass
import glob
import os
import re
import shutil
import socket
import ssl
import statistics
import subprocess
import time

NGINX_CONF = """daemon off;
user {user};
master_process on;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections 768; }}
http {{
    sendfile on;
    tcp_nopush on;
    types_hash_max_size 2048;
    access_log off;
    keepalive_requests 1000000;
    default_type application/octet-stream;
    {temp}
    ssl_certificate {cert};
    ssl_certificate_key {key};
    ssl_prefer_server_ciphers on;
    server {{ listen 127.0.0.1:{port} ssl; root {dir}/files; }}
}}
"""
CIPHER = "TLS_AES_256_GCM_SHA384"


def nginx_command(dir, port, cert, key):
    temp = "\n    ".join(f"{w}_temp_path {dir}/{w};" for w in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    os.makedirs(f"{dir}/files")
    with open(f"{dir}/nginx.conf", "w") as f:
        f.write(NGINX_CONF.format(dir=dir, user=getpass.getuser(), port=port, cert=cert, key=key, temp=temp))
    return [shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"), "-e", f"{dir}/error.log", "-p", dir, "-c", f"{dir}/nginx.conf"]


def cpu_ns(pid):
    """Of that process and its children."""
    def children(p):
        found = []
        for path in glob.glob(f"/proc/{p}/task/*/children"):
            found += open(path).read().split()
        return found
    return sum(sum(int(open(t).read().split()[0]) for t in glob.glob(f"/proc/{p}/task/*/schedstat"))
               for p in [pid, *children(pid)])


class Client:
    """Just enough XMPP for a slot: TLS, PLAIN, bind."""

    def __init__(self, port, name, password):
        context = ssl._create_unverified_context()
        self.s = context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost")
        self.open()
        proof = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
        self.ask(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{proof}</auth>", "<success")
        self.open()
        self.ask("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", "</iq>")

    def open(self):
        self.ask("<stream:stream to='localhost' version='1.0' xmlns='jabber:client' "
                 "xmlns:stream='http://etherx.jabber.org/streams'>", "</stream:features>")

    def ask(self, text, until):
        self.s.sendall(text.encode())
        got = ""
        while until not in got:
            more = self.s.recv(65536)
            if not more:
                raise SystemExit(f"{text}: {got}")
            got += more.decode()
        return got

    def slot(self, name, size):
        got = self.ask(f"<iq type='get' id='s' to='localhost'><request xmlns='urn:xmpp:http:upload:0' "
                       f"filename='{name}' size='{size}'/></iq>", "</iq>")
        return [url for url in re.findall(r"url='([^']*)'", got)]


def curl(pinned, url, *args):
    done = subprocess.run(pinned(1, ["curl", "-sfk", "--tls13-ciphers", CIPHER, "-o", "/dev/null", *args, url]), stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{url}: curl {done.returncode} {done.stderr}")


def compare(run, quick):
    """run: the module of bench/run. Rows of the table."""
    size, small, requests = (256 << 20 if quick else 1 << 30), 4096, (2000 if quick else 10000)
    dir = f"{run.TMP}/nginx"
    port = run.free_port()
    server = run.Confabd(1, web="yes")
    command = nginx_command(dir, port, run.CERT, run.KEY)
    urls = {}
    client = Client(server.tls_port, "load000000", "load")
    for name, length in (("large", size), ("small", small)):
        path = f"{dir}/files/{name}"
        with open(path, "wb") as f:
            for _ in range(max(1, length >> 20)):
                f.write(os.urandom(min(length, 1 << 20)))
        put, get = client.slot(name, length)
        subprocess.run(["curl", "-sfk", "-T", path, put], check=True)
        urls[name] = (get, f"https://localhost:{port}/{name}")
    nginx = subprocess.Popen(run.pinned(0, command))
    try:
        began = time.monotonic()
        while subprocess.run(["curl", "-sfk", "-o", "/dev/null", urls["small"][1]]).returncode:
            if nginx.poll() is not None or time.monotonic() > began + 10:
                raise SystemExit("nginx does not serve: " + open(f"{dir}/error.log").read())
            time.sleep(0.05)
        for name, what, unit, scale, args in (
                ("large", "1 GB downloaded", "s", (1 << 30) / size / 1e9, lambda url: [url]),
                ("small", "a request for 4 KiB, kept alive", "us", 1 / requests / 1e3, lambda url: [url + f"?[1-{requests}]"])):
            costs = [[], []]
            for _ in range(1 if quick else 5):
                for i, pid in enumerate((server.pid, nginx.pid)):
                    before = cpu_ns(pid)
                    curl(run.pinned, *args(urls[name][i]))
                    costs[i].append((cpu_ns(pid) - before) * scale)
            ours, theirs = (statistics.median(c) for c in costs)
            run.row(f"nginx: {what}, TLS", theirs, unit)
            run.row(f"confabd: {what}, TLS", ours, unit)
            run.row(f"ratio: {what}, TLS", statistics.median(a / b for a, b in zip(*costs)), "x", 1.5)
    finally:
        nginx.terminate()
        nginx.wait()
        server.stop()
