# The app for a CPU: docker build -t beacon-reader . && docker run -p 7860:7860 -v beacon-reader:/data beacon-reader
FROM python:3.11-slim

# The CPU build of PyTorch: the default one brings several gigabytes of CUDA.
RUN pip install --no-cache-dir torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu

WORKDIR /source
COPY pyproject.toml README.md LICENSE requirements.txt ./
RUN pip install --no-cache-dir --requirement requirements.txt
COPY reader reader
COPY storage storage
COPY static static
RUN pip install --no-cache-dir --no-deps . && rm -rf /source

RUN useradd --create-home --uid 1000 reader && mkdir /data && chown reader /data
USER reader
WORKDIR /home/reader
# Library, decoders and accounts lie in one volume.
ENV READER_LIBRARY=/data/library READER_CACHE=/data/decoders READER_AUTH=/data/accounts
VOLUME /data
EXPOSE 7860
# Reached from outside the container, so people sign in; make an account first:
#   docker run -it -v beacon-reader:/data beacon-reader serve --auth /data/accounts --add-user NAME
ENTRYPOINT ["beacon-reader"]
CMD ["serve", "--host", "0.0.0.0", "--port", "7860"]
