package io.github.wandacuda.hub;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ConnectionException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.JsonTree;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodySubscribers;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongSupplier;

/**
 * Reads from the Hub. What is cut, refused for a moment or stalls is tried again from where it
 * broke; what the Hub says of itself is an {@link InputException}, and what doesn't come through a
 * {@link ConnectionException}. Safe for use by several threads.
 *
 * @param request what messages name
 */
record HubConnection(HubSettings settings, DownloadRequest request, HttpClient client)
    implements AutoCloseable {
  private static final int REDIRECTS = 10;

  /** Tries without a byte in between. */
  private static final int TRIES = 5;

  private static final int LONGEST_JSON = 64 << 20;

  /**
   * What is read of an answer that isn't wanted: a connection that is read to its end serves again.
   */
  private static final int DRAINED = 1 << 16;

  /** What is taken at once of a file. */
  private static final int BUFFER = 1 << 18;

  private static final Duration LONGEST_PAUSE = Duration.ofMinutes(1);

  static HubConnection of(HubSettings settings, DownloadRequest request) {
    HttpClient client =
        HttpClient.newBuilder()
            // Connections side by side are faster than one that is shared.
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .proxy(settings.proxies())
            .connectTimeout(settings.stall())
            .build();
    return new HubConnection(settings, request, client);
  }

  /** Takes the bytes of a file in their order, as they arrive. */
  @FunctionalInterface
  interface Sink {
    void take(byte[] bytes, int count);
  }

  /** A response that may be another one the next time. */
  private static final class PassingException extends IOException {
    private static final long serialVersionUID = 1L;
    private final Duration wait;

    PassingException(String message, Duration wait) {
      super(message);
      this.wait = wait;
    }
  }

  /** Returns whether an address is one of the web, with a host and nothing before it. */
  static boolean isWeb(URI address) {
    return List.of("http", "https").contains(String.valueOf(address.getScheme()))
        && address.getHost() != null
        && address.getUserInfo() == null;
  }

  JsonNode json(String path) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    retrying(
        () -> 0,
        () -> {
          bytes.reset();
          try (InputStream body = answer(path, Optional.empty()).body()) {
            bytes.write(body.readNBytes(LONGEST_JSON));
          }
        });
    try {
      return JsonTree.read(new ByteArrayInputStream(bytes.toByteArray()));
    } catch (JsonProcessingException e) {
      throw said("JSON", "something else: " + Printable.of(e.getOriginalMessage()), e);
    } catch (IOException e) {
      throw said("JSON", Printable.reason(e), e);
    }
  }

  /**
   * Reads a file to its end.
   *
   * @param from the first byte
   * @param size of the whole file
   */
  void read(String path, long from, long size, Sink sink) {
    long[] at = {from};
    byte[] bytes = new byte[BUFFER];
    retrying(
        () -> at[0],
        () -> {
          if (at[0] == size) {
            // Everything came before; only the answer's end didn't.
            return;
          }
          try (InputStream body = rest(path, at[0], size)) {
            while (at[0] < size) {
              int count = body.read(bytes, 0, (int) Math.min(bytes.length, size - at[0]));
              if (count < 0) {
                throw new IOException("%d bytes of %s ended early".formatted(size - at[0], path));
              }
              sink.take(bytes, count);
              at[0] += count;
            }
            // The JDK drops the connection of a body that isn't read to its end.
            int unused = body.read();
          }
        });
  }

  /** Tries until it succeeds, or several times in turn without any progress between them. */
  private void retrying(LongSupplier progress, OutputException.Work attempt) {
    long before = progress.getAsLong();
    int failures = 0;
    while (true) {
      try {
        attempt.run();
        return;
      } catch (IOException e) {
        if (Thread.currentThread().isInterrupted()) {
          throw new CancelledException("cancelled", e);
        }
        long now = progress.getAsLong();
        failures = now > before ? 1 : failures + 1;
        before = now;
        Duration pause =
            e instanceof PassingException passing && passing.wait != null
                ? passing.wait
                : settings.pause().multipliedBy(1L << (failures - 1));
        if (failures == TRIES || pause.compareTo(LONGEST_PAUSE) > 0) {
          String reason = Printable.reason(e);
          boolean none = e instanceof ConnectException;
          throw said("an answer", none ? "no connection (%s)".formatted(reason) : reason, e);
        }
        CancelledException.waiting(() -> Thread.sleep(pause));
      }
    }
  }

  /** Opens what comes of a file from a byte on, also where a server knows no ranges. */
  private InputStream rest(String path, long from, long size) throws IOException {
    HttpResponse<InputStream> answer =
        answer(path, Optional.of("bytes=%d-%d".formatted(from, size - 1)));
    InputStream body = answer.body();
    try {
      String said = answer.headers().firstValue("Content-Range").orElse("");
      if (answer.statusCode() == 200) {
        body.skipNBytes(from);
      } else if (!said.startsWith("bytes %d-".formatted(from))) {
        throw new IOException("bytes of another place: '%s'".formatted(Printable.of(said)));
      }
      return body;
    } catch (IOException e) {
      body.close();
      throw e;
    }
  }

  /** Returns the answer to a question, a whole one or a part, which redirects may lead to. */
  private HttpResponse<InputStream> answer(String path, Optional<String> range) throws IOException {
    URI at = URI.create(settings.endpoint() + path);
    for (int hop = 0; hop < REDIRECTS; hop++) {
      HttpRequest.Builder request = HttpRequest.newBuilder(at).header("User-Agent", "wanda-cuda");
      settings.tokenFor(at).ifPresent(token -> request.header("Authorization", "Bearer " + token));
      range.ifPresent(bytes -> request.header("Range", bytes));
      HttpResponse<InputStream> response = send(request.build());
      int status = response.statusCode();
      if (status == 200 || status == 206) {
        return response;
      }
      try (InputStream body = response.body()) {
        body.skip(DRAINED);
      }
      if (status < 300 || status >= 400) {
        throw failure(at, response);
      }
      at = redirect(at, response.headers());
    }
    throw new IOException("more than %d redirects".formatted(REDIRECTS));
  }

  private static URI redirect(URI from, HttpHeaders headers) throws IOException {
    String location = headers.firstValue("Location").orElse("");
    try {
      URI to = from.resolve(location);
      boolean open = from.getScheme().equals("https") && "http".equals(to.getScheme());
      if (!location.isEmpty() && isWeb(to) && !open) {
        return to;
      }
    } catch (IllegalArgumentException e) {
      // Said below.
    }
    throw new IOException("a redirect to '%s'".formatted(Printable.of(location)));
  }

  /** Sends a request, and returns when the head of its answer is there. */
  private HttpResponse<InputStream> send(HttpRequest request) throws IOException {
    CompletableFuture<HttpResponse<InputStream>> response =
        client.sendAsync(
            request,
            info ->
                BodySubscribers.mapping(
                    BodySubscribers.ofInputStream(), in -> new WatchedBody(in, settings.stall())));
    try {
      // The request's own timeout may end with the head or with the body, as the JDK's versions do.
      return response.get(settings.stall().toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      response.cancel(true);
      throw new IOException("no byte in %d s".formatted(settings.stall().toSeconds()), e);
    } catch (InterruptedException e) {
      response.cancel(true);
      Thread.currentThread().interrupt();
      throw new IOException(e);
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException cause ? cause : new IOException(e.getCause());
    }
  }

  /** Returns the failure that a status stands for; one that may pass is thrown. */
  private RuntimeException failure(URI address, HttpResponse<?> response) throws IOException {
    int status = response.statusCode();
    // The address of a large file's store holds for a while; the Hub gives another one then.
    if (status == 429 || status == 408 || status >= 500 || !settings.isHub(address)) {
      Optional<Duration> wait =
          response
              .headers()
              .firstValue("Retry-After")
              .filter(seconds -> seconds.matches("\\d{1,6}"))
              .map(seconds -> Duration.ofSeconds(Long.parseLong(seconds)));
      throw new PassingException(
          "status %d%s%s"
              .formatted(
                  status,
                  status == 429 ? " (too many requests; with HF_TOKEN more are allowed)" : "",
                  wait.map(time -> ", again in %d s".formatted(time.toSeconds())).orElse("")),
          wait.orElse(null));
    }
    String code = response.headers().firstValue("X-Error-Code").orElse("");
    boolean known = settings.tokenFor(address).isPresent();
    String page = settings.endpoint() + "/" + request.label();
    ErrorDetails place = ErrorDetails.of(request.label());
    if (status == 403 || code.equals("GatedRepo")) {
      return place
          .hint(
              "ask for access on %s, and set HF_TOKEN to a token that may read it".formatted(page))
          .wrong("a repository that may be read", "one that is gated");
    }
    if (status == 401) {
      return place
          .hint(
              known
                  ? "see whether HF_TOKEN still holds, and may read it"
                  : "check the name; if it is private or gated, set HF_TOKEN")
          .wrong(
              "a repository that may be read",
              known ? "that the token is refused" : "none by this name");
    }
    if (status == 404) {
      return place
          .hint("see " + page)
          .wrong(
              code.equals("RevisionNotFound")
                  ? "the revision " + request.revision()
                  : "a repository and its files",
              "none: " + (code.isEmpty() ? "404" : Printable.of(code)));
    }
    return said("an answer", "status " + status, null);
  }

  private ConnectionException said(String expected, String found, Throwable cause) {
    return new ConnectionException(
        ErrorDetails.of(settings.endpoint() + ": " + request.label())
            .expected(expected, found)
            .hint("what has arrived is kept; run the same again to go on"),
        cause);
  }

  @Override
  public void close() {
    client.shutdownNow();
  }
}
