# Residua's dashboard and command line in one image.
#
#   docker build --tag residua --build-arg TORCH_INDEX=<PyTorch's index of CPU wheels> .
#   docker run --rm --publish 127.0.0.1:5006:5006 --volume residua-data:/data residua
#
# Without TORCH_INDEX the image gets PyTorch's CUDA build, for hosts with the NVIDIA container toolkit (run with --gpus all).
# Nothing is written outside /data and /tmp: add --read-only --tmpfs /tmp if you like.
# Behind a proxy, name the hosts people use: --env RESIDUA_ALLOWED_HOSTS=residua.example.org
# The command line is there too: docker run --rm --volume "$PWD:/fits" --workdir /fits residua residua fit fit.yaml --out run

ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
ARG TORCH_INDEX=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/residua
ENV PATH=/opt/residua/bin:$PATH
WORKDIR /src
# The dependencies by themselves, so that a change of our code does not install them again.
COPY pyproject.toml constraints.txt ./
RUN if [ -n "$TORCH_INDEX" ]; then pip install --constraint constraints.txt --no-deps --index-url "$TORCH_INDEX" torch; fi
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; print('\n'.join(p['dependencies'] + p['optional-dependencies']['postgres']))" > requirements.txt \
    && pip install --constraint constraints.txt --requirement requirements.txt
COPY README.md LICENSE ./
COPY engine engine
COPY dashboard dashboard
COPY static static
RUN pip install --no-deps . && residua --help

FROM python:${PYTHON}-slim
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin residua \
    && install --directory --owner residua --group residua /data
COPY --from=build /opt/residua /opt/residua
ENV PATH=/opt/residua/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    RESIDUA_DATA=/data
USER residua
WORKDIR /data
VOLUME /data
EXPOSE 5006
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ.get(\"PORT\", 5006)}/api/health', timeout=4)"]
CMD ["residua", "serve", "--host", "0.0.0.0"]
