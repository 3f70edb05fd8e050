"""ejabberd.py: Debian's ejabberd as a server of bench/run: Mnesia for everything, archive of all messages on, limits off.

It runs as a plain Erlang program without distribution, so nothing of it is shared with an installed one. Its accounts are
written into the table at the start, all with one key of two iterations (one is an endless loop): a login is not what is measured with it."""
import os
import shutil

CONF = """hosts: [localhost]
loglevel: warning
certfiles: []
listen:
  -
    port: {port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
    access: all
    shaper: none
auth_method: mnesia
auth_password_format: scram
auth_scram_hash: sha256
modules:
  mod_carboncopy: {{}}
  mod_disco: {{}}
  mod_mam:
    db_type: mnesia
    default: always
  mod_ping: {{}}
  mod_roster: {{}}
  mod_stream_mgmt:
    resend_on_timeout: if_offline
"""
ACCOUNTS = """Salt = <<"salt of all of them">>, Salted = scram:salted_password(sha256, <<"load">>, Salt, 2),
Stored = scram:stored_key(sha256, scram:client_key(sha256, Salted)),
Scram = {{scram, base64:encode(Stored), base64:encode(scram:server_key(sha256, Salted)), base64:encode(Salt), sha256, 2}},
lists:foreach(fun(I) ->
    User = list_to_binary(io_lib:format("load~6..0B", [I])),
    mnesia:dirty_write({{passwd, {{User, <<"localhost">>}}, Scram}})
  end, lists:seq(0, {accounts} - 1)),
io:format("ready~n")."""


def command(dir, port, accounts):
    """What to start, with the environment that it needs; None where there is no ejabberd."""
    erl, libs = shutil.which("erl"), "/usr/lib/x86_64-linux-gnu"
    if not erl or not any(name.startswith("ejabberd-") for name in os.listdir(libs)):
        return None
    with open(f"{dir}/ejabberd.yml", "w") as f:
        f.write(CONF.format(port=port))
    env = [f"EJABBERD_CONFIG_PATH={dir}/ejabberd.yml", f"EJABBERD_LOG_PATH={dir}/ejabberd.log", f"ERL_LIBS={libs}",
           f"ERL_CRASH_DUMP={dir}/crash", f"HOME={dir}"]
    return ["env", *env, erl, "+K", "true", "+P", "250000", "+Q", "32768", "-noinput", "-mnesia", "dir", f'"{dir}/mnesia"',
            "-s", "ejabberd", "-eval", ACCOUNTS.format(accounts=accounts).replace("\n", " ")]
