"""The whole way, told on real HTTP: from a stranger's registration to a suspended production client.

``python -m example_app.story [--exit] [--reset] [--open] [--port N]``; its files are in ``.demo/``. Every line is a
request that was made just now, with the status that the story expects; another status ends it with exit status 1.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
import webbrowser
from importlib.metadata import version

from .demo import calling, deciding, entering, operating, proving
from .demo.client import StoryBroken
from .demo.screen import Screen
from .demo.stage import FOLDER, Stage, open_stage

PARTS = 5


def tell(stage: Stage) -> None:
    """All parts, one after the other.

    :raises StoryBroken: something answered otherwise.
    """
    screen = stage.screen
    told = ", ".join(f"{name} {version(name)}" for name in ("Flask-APIGuard", "Flask", "SQLAlchemy"))
    screen.part(1, PARTS, "environment", f"Python {sys.version.split()[0]}, {told}")
    screen.part(2, PARTS, "store", f"everything is in {stage.folder.name}/: the app's own data beside ours")
    made = stage.command("init", "--email", entering.ADMINISTRATOR, "--name", "Mara Holm", told="Store, secret, Mara")
    stage.command("apply", "example_app/apiguard.toml", told="Plans, and who sits in the house, from a file")
    screen.part(3, PARTS, "server", f"http://127.0.0.1:{stage.server.port}  (Ctrl-C stops it)")
    stage.server.start(stage.environment, stage.folder / "server.log")
    screen.part(4, PARTS, "story", "each line is a request, its status and its time there and back")
    link = next((line for line in made.splitlines() if "/apiguard/sign-in#" in line), None)
    entering.house(stage, link)
    entering.person(stage)
    entering.application(stage)
    calling.calls(stage)
    calling.burst(stage)
    deciding.sandbox_scope(stage)
    deciding.graduation(stage)
    deciding.production(stage)
    operating.rotation(stage)
    operating.oauth(stage)
    operating.misbehaviour(stage)
    screen.part(5, PARTS, "proof")
    proving.ledger(stage)
    proving.events(stage)


def invite(stage: Stage, look: bool) -> None:
    """Keep the app up, and say what can be tried."""
    here, say = f"http://127.0.0.1:{stage.server.port}", stage.screen.say
    say(f"\nThe app stays up. This sandbox key of {stage.partner} works:\n")
    key = f'-H "Authorization: Bearer {stage.keys["sandbox"]}"'
    order = '{"customer_id": 5, "item": "winch handle", "quantity": 2}'
    say(f'  curl -i {key} "{here}/api/v1/orders?limit=3"')
    say(f"  curl -i {key} -H 'Content-Type: application/json' -d '{order}' {here}/api/v1/orders")
    say(f"  curl -i {key} {here}/apiguard/api/v1/me")
    say(f"\nMara ({entering.ADMINISTRATOR}) and Ada ({stage.address('ada')}) sign in with {stage.password}:\n")
    who = f'{{"email": "{entering.ADMINISTRATOR}", "password": "{stage.password}"}}'
    say(f"  curl -H 'Content-Type: application/json' -d '{who}' {here}/apiguard/api/v1/people/session\n")
    try:
        say("Ctrl-C stops; `python3 run.py demo --reset` begins again from nothing.")  # and is true at once
        if look:
            webbrowser.open(f"{here}/apiguard/api/v1/openapi.json")
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        say("")


def main(arguments: list[str] | None = None) -> int:
    """Tell the story; the exit status."""
    parser = argparse.ArgumentParser(prog="run.py demo", description=__doc__.partition("\n")[0])
    parser.add_argument("--exit", action="store_true", help="stop when the story is told")
    parser.add_argument("--reset", action="store_true", help="forget .demo/ first")
    parser.add_argument("--open", action="store_true", help="open the browser at the end")
    parser.add_argument("--port", type=int, help="listen there instead of on a free port")
    options = parser.parse_args(arguments)
    # A shell that starts us in the background has us ignore it; whoever reads "Ctrl-C stops" is to be right.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    screen, began = Screen(), time.monotonic()
    if options.reset:
        shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        stage = open_stage(screen, FOLDER, options.port)
    except OSError as error:
        screen.wrong(f"The demo can't begin: {error}")
        return 1
    try:
        tell(stage)
        screen.say(f"\nThe story is told: every answer was the expected one. {time.monotonic() - began:.1f} s.")
        if not options.exit:
            invite(stage, options.open)
    except StoryBroken as error:
        screen.wrong(f"\nThe story broke: {error}\n`python3 run.py demo --reset` begins again from nothing.")
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever read along is gone
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        stage.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
