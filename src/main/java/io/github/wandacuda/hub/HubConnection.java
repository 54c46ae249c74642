package io.github.wandacuda.hub;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ConnectionException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.WandaException;
import io.github.wandacuda.io.JsonTree;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.ResponseInfo;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
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

  /** Takes the bytes of a response as they arrive. */
  @FunctionalInterface
  interface Sink {
    void take(ByteBuffer bytes) throws IOException;
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
          transfer(path, 0, LONGEST_JSON, false, Channels.newChannel(bytes)::write);
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
   * Reads bytes of a file.
   *
   * @param from the first
   * @param to behind the last
   * @param whole whether they are all of the file
   */
  void read(String path, long from, long to, boolean whole, Sink sink) {
    long[] at = {from};
    retrying(
        () -> at[0],
        () -> {
          transfer(
              path,
              at[0],
              to,
              !whole || at[0] > from,
              piece -> {
                int length = piece.remaining();
                sink.take(piece);
                at[0] += length;
              });
          if (at[0] < to) {
            throw new IOException("%d bytes of %s ended early".formatted(to - at[0], path));
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

  /** Reads a response and those that it leads to, up to a number of bytes. */
  private void transfer(String path, long from, long to, boolean range, Sink sink)
      throws IOException {
    URI at = URI.create(settings.endpoint() + path);
    for (int hop = 0; hop < REDIRECTS; hop++) {
      HttpRequest.Builder request = HttpRequest.newBuilder(at).header("User-Agent", "wanda-cuda");
      settings.tokenFor(at).ifPresent(token -> request.header("Authorization", "Bearer " + token));
      if (range) {
        request.header("Range", "bytes=%d-%d".formatted(from, to - 1));
      }
      HttpResponse<Void> response = send(request.build(), from, to, range, sink);
      int status = response.statusCode();
      if (status == 200 || status == 206) {
        return;
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

  private HttpResponse<Void> send(HttpRequest request, long from, long to, boolean range, Sink sink)
      throws IOException {
    AtomicReference<Body> body = new AtomicReference<>();
    CompletableFuture<HttpResponse<Void>> response =
        client.sendAsync(
            request,
            info -> {
              body.set(new Body(info, from, to, range, sink));
              return body.get();
            });
    long before = 0;
    while (true) {
      try {
        return response.get(settings.stall().toMillis(), TimeUnit.MILLISECONDS);
      } catch (TimeoutException e) {
        Body current = body.get();
        long now = current == null ? 0 : current.arrived;
        if (now == before) {
          IOException stalled =
              new IOException("no byte in %d s".formatted(settings.stall().toSeconds()), e);
          if (current != null) {
            current.abandon(stalled);
          }
          response.cancel(true);
          throw stalled;
        }
        before = now;
      } catch (InterruptedException e) {
        response.cancel(true);
        Thread.currentThread().interrupt();
        throw new CancelledException("cancelled", e);
      } catch (ExecutionException e) {
        if (e.getCause() instanceof IOException cause) {
          throw cause;
        }
        if (e.getCause() instanceof WandaException cause) {
          throw cause;
        }
        throw new IOException(e.getCause());
      }
    }
  }

  /** Returns the failure that a status stands for; one that may pass is thrown. */
  private RuntimeException failure(URI address, HttpResponse<Void> response) throws IOException {
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

  /** A response's body: what is wanted of it goes to the sink, and the rest isn't waited for. */
  private static final class Body implements HttpResponse.BodySubscriber<Void> {
    /** What is read of other bodies, since a connection that is read to its end serves again. */
    private static final int DRAINED = 1 << 16;

    private final CompletableFuture<Void> end = new CompletableFuture<>();
    private final Sink sink;
    private Flow.Subscription subscription;

    /** Bytes that come before those that were asked for, as where a server knows no ranges. */
    private long skip;

    private long left;
    private volatile long arrived;

    Body(ResponseInfo info, long from, long to, boolean range, Sink sink) {
      boolean wanted = info.statusCode() == 200 || info.statusCode() == 206;
      skip = wanted ? (range && info.statusCode() == 200 ? from : 0) : DRAINED;
      left = wanted ? to - from : 0;
      this.sink = sink;
      String said = info.headers().firstValue("Content-Range").orElse("");
      if (info.statusCode() == 206 && !said.startsWith("bytes %d-".formatted(from))) {
        end.completeExceptionally(
            new IOException("bytes of another place: '%s'".formatted(Printable.of(said))));
      }
    }

    @Override
    public CompletionStage<Void> getBody() {
      return end;
    }

    @Override
    public void onSubscribe(Flow.Subscription given) {
      subscription = given;
      if (end.isDone()) {
        given.cancel();
      } else {
        given.request(1);
      }
    }

    @Override
    public synchronized void onNext(List<ByteBuffer> buffers) {
      boolean tooMany = false;
      try {
        for (ByteBuffer buffer : buffers) {
          arrived += buffer.remaining();
          int skipped = (int) Math.min(skip, buffer.remaining());
          skip -= skipped;
          buffer.position(buffer.position() + skipped);
          tooMany |= buffer.remaining() > left;
          buffer.limit(buffer.position() + (int) Math.min(left, buffer.remaining()));
          left -= buffer.remaining();
          if (buffer.hasRemaining() && !end.isDone()) {
            sink.take(buffer);
          }
        }
      } catch (IOException | RuntimeException e) {
        subscription.cancel();
        end.completeExceptionally(e);
        return;
      }
      if (tooMany) {
        subscription.cancel();
        end.complete(null);
      } else {
        subscription.request(1);
      }
    }

    /** Takes nothing any more; the caller goes on with another response. */
    synchronized void abandon(IOException failure) {
      end.completeExceptionally(failure);
    }

    @Override
    public void onError(Throwable failure) {
      end.completeExceptionally(failure);
    }

    @Override
    public void onComplete() {
      end.complete(null);
    }
  }
}
