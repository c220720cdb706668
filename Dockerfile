# gisteval on a CPU: docker build -t gisteval . && docker run --rm -v "$PWD:/data" gisteval run --output /data/runs/demo
FROM python:3.11-slim AS build
WORKDIR /src
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /dist .

FROM python:3.11-slim
COPY constraints.txt /tmp/constraints.txt
COPY --from=build /dist /tmp/dist
# The CPU build of torch, which PyPI does not have.
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu \
      -c /tmp/constraints.txt "$(echo /tmp/dist/*.whl)[report,judge,profile]" \
    && rm -r /tmp/dist /tmp/constraints.txt \
    && useradd --create-home gisteval
USER gisteval
WORKDIR /data
ENTRYPOINT ["gisteval"]
CMD ["--help"]
