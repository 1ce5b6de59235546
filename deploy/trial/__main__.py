"""Tries the image, the lab of compose.yaml and the Makefile: with a Docker engine, or on a bare machine without one.

    python -m deploy.trial docker     docker compose config, build and up, a fit through nginx, a stop amid fits
    python -m deploy.trial image      each line of the Dockerfile, then CMD and HEALTHCHECK on a read-only root
    python -m deploy.trial lab        the same, then compose.yaml's services together, and a fit through nginx
    python -m deploy.trial make       make setup, postgres, serve and some of test with nothing but python3 and make

The first needs an engine with the compose plugin, and leaves nothing in it but what builds keep; where the engine can
reach no registry also --stand-ins, and with it root and debootstrap. The others need root, Debian's debootstrap and a
mirror, and some 5 GB below --folder. The image takes about ten minutes, most of them pip's; the lab two more, the
Makefile about ten. What stands in for what: Debian's own Python for python:3.12-slim, Debian's Postgres and nginx for
their images, root folders with mounts and processes of their own for containers, one network of this trial's own, with
an address for each service, for the networks of compose.yaml.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from deploy.trial.image import SERVICES, Given, build, kept


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.trial",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=("docker", "image", "lab", "make"))
    parser.add_argument(
        "--folder", type=Path, default=Path("/var/tmp/residua-trial"), help="for the root folders"
    )
    parser.add_argument("--suite", default="bookworm", help="Debian's release")
    parser.add_argument("--mirror", default="http://deb.debian.org/debian")
    parser.add_argument("--torch-index", default="", help="the build argument TORCH_INDEX")
    parser.add_argument("--keep-image", action="store_true", help="take the image that an earlier trial made")
    parser.add_argument(
        "--lend",
        action="append",
        default=[],
        metavar="PATH",
        help="a file or folder that pip and apt need here",
    )
    parser.add_argument(
        "--lend-variable", action="append", default=[], metavar="NAME", help="a variable that they need here"
    )
    parser.add_argument(
        "--stand-ins",
        action="store_true",
        help="docker: make the images that the engine does not have of Debian's packages, not from a registry",
    )
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--tests", default="tests/dashboard/test_deploy.py", help="what make test runs")
    options = parser.parse_args()
    if os.geteuid() != 0 and (options.what != "docker" or options.stand_ins):
        sys.exit("Only root can make root folders and mounts.")
    given = Given(
        options.folder.resolve(),
        options.suite,
        options.mirror,
        [(Path(path), path, True) for path in options.lend],
        {name: os.environ[name] for name in options.lend_variable},
    )
    given.folder.mkdir(parents=True, exist_ok=True)
    if options.what == "docker":
        from deploy.trial.docker import try_docker

        try_docker(given, options.torch_index, options.stand_ins)
        return
    if options.what == "make":
        from deploy.trial.makefile import try_makefile

        try_makefile(given, options.tests)
        return
    if options.inside:
        from deploy.trial.lab import try_alone, try_lab

        image = kept(given)
        try_alone(given, image)
        if options.what == "lab":
            try_lab(given, image)
        return
    if not options.keep_image:
        build(given, {"TORCH_INDEX": options.torch_index} if options.torch_index else {})
    if options.what == "lab":
        given.with_packages("services", SERVICES)
    # A network and processes of its own: the ports are those of compose.yaml, and nothing is left behind.
    apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]
    again = [sys.executable, "-m", "deploy.trial", options.what, "--folder", str(given.folder), "--inside"]
    sys.exit(subprocess.run([*apart, *again], check=False).returncode)


main()
