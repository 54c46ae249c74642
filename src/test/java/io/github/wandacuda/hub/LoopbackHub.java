package io.github.wandacuda.hub;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.error.Printable;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A hub with one repository on the loopback interface, as hostile as a test wants it. Like the real
 * one it redirects large files to a store at another address, which no token may ever reach: {@link
 * #close} fails if one did.
 */
final class LoopbackHub implements AutoCloseable {
  private static final Pattern LARGE = Pattern.compile(".*\\.(safetensors|bin|gz|parquet)");
  private static final Pattern RANGE = Pattern.compile("bytes=(\\d+)-(\\d*)");
  private static final int POINTER = 135;

  private final String kind;
  private final String name;
  private final Map<String, Map<String, byte[]>> commits = new ConcurrentHashMap<>();
  private final Map<String, String> revisions = new ConcurrentHashMap<>();
  private final List<Request> requests = new CopyOnWriteArrayList<>();
  private final List<Fault> faults = new CopyOnWriteArrayList<>();
  private final Set<Socket> open = ConcurrentHashMap.newKeySet();
  private final ConcurrentLinkedQueue<Throwable> own = new ConcurrentLinkedQueue<>();
  private final AtomicInteger connections = new AtomicInteger();
  private final ServerSocket hub;
  private final ServerSocket store;

  /** A request as it came; the target begins with {@code hub/} or {@code store/}. */
  record Request(String target, Map<String, String> headers) {
    /** Returns what faults are for: the target and the range of bytes. */
    String what() {
      return target + " " + headers.getOrDefault("Range", "");
    }

    String path() {
      return URI.create("/" + target).getPath();
    }
  }

  /** How an answer ends, after the bytes of it that are sent. */
  enum End {
    WHOLE,
    CUT,
    STALLED,
    ENDLESS,
    /** There is no answer at all. */
    NONE,
    /** The body comes without a head. */
    BARE
  }

  /** An answer, an honest one until a test changes it. */
  record Reply(int status, Map<String, String> headers, byte[] body, long sent, End end) {
    static Reply of(int status, byte[] body) {
      return new Reply(status, Map.of(), body, body.length, End.WHOLE)
          .with("Content-Length", body.length);
    }

    static Reply error(int status, String code) {
      Reply reply = of(status, "{\"error\":\"said by the hub\"}".getBytes(StandardCharsets.UTF_8));
      return code.isEmpty() ? reply : reply.with("X-Error-Code", code);
    }

    static Reply redirect(int status, String location) {
      return of(status, new byte[0]).with("Location", location);
    }

    Reply with(String header, Object value) {
      Map<String, String> changed = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
      changed.putAll(headers);
      changed.put(header, value.toString());
      return new Reply(status, changed, body, sent, end);
    }

    Reply without(String header) {
      Map<String, String> changed = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
      changed.putAll(headers);
      changed.remove(header);
      return new Reply(status, changed, body, sent, end);
    }

    /** Returns the same with another body of the right length. */
    Reply with(byte[] other) {
      return new Reply(status, headers, other, other.length, end)
          .with("Content-Length", other.length);
    }

    Reply after(long bytes, End end) {
      return new Reply(status, headers, body, Math.min(bytes, body.length), end);
    }

    private void send(OutputStream out) throws IOException, InterruptedException {
      if (end == End.NONE) {
        return;
      }
      StringBuilder head = new StringBuilder("HTTP/1.1 %d Said\r\n".formatted(status));
      headers.forEach((header, value) -> head.append(header + ": " + value + "\r\n"));
      if (end != End.BARE) {
        out.write(head.append("\r\n").toString().getBytes(StandardCharsets.UTF_8));
      }
      out.write(body, 0, (int) sent);
      out.flush();
      if (end == End.STALLED) {
        Thread.sleep(Long.MAX_VALUE);
      }
      for (byte[] more = body.length > 0 ? body : new byte[1]; end == End.ENDLESS; ) {
        out.write(more);
      }
    }
  }

  private record Fault(Pattern target, AtomicInteger times, UnaryOperator<Reply> change) {
    private boolean isDue(Request request) {
      return target.matcher(request.what()).find()
          && times.getAndUpdate(left -> Math.max(left - 1, 0)) > 0;
    }
  }

  /**
   * Opens one.
   *
   * @param kind {@code models} or {@code datasets}
   */
  LoopbackHub(String kind, String name) throws IOException {
    this.kind = kind;
    this.name = name;
    hub = new ServerSocket(0, 0, InetAddress.getLoopbackAddress());
    store = new ServerSocket(0, 0, InetAddress.getLoopbackAddress());
    for (ServerSocket port : List.of(hub, store)) {
      Thread.ofVirtual().start(() -> accept(port));
    }
  }

  /** Adds a commit that the revisions name from now on. */
  void commit(String commit, Map<String, byte[]> files, String... named) {
    commits.put(commit, new LinkedHashMap<>(files));
    revisions.put(commit, commit);
    for (String revision : named) {
      revisions.put(revision, commit);
    }
  }

  /** Changes the next answers to requests that are like this, see {@link Request#what}. */
  void spoil(String target, int times, UnaryOperator<Reply> change) {
    faults.add(new Fault(Pattern.compile(target), new AtomicInteger(times), change));
  }

  /** Changes what is listed. */
  void relist(Consumer<ObjectNode> change) {
    spoil(
        "^hub/api/[^?]*/revision/",
        Integer.MAX_VALUE,
        reply -> {
          ObjectNode listing = listing(revisions.get("main"));
          change.accept(listing);
          return reply.with(json(listing));
        });
  }

  void heal() {
    faults.clear();
  }

  String endpoint() {
    return address(hub);
  }

  String store() {
    return address(store);
  }

  private static String address(ServerSocket port) {
    return "http://%s:%d".formatted(port.getInetAddress().getHostAddress(), port.getLocalPort());
  }

  /** Returns the requests for what is like this, in the order in which they came. */
  List<Request> requests(String target) {
    Pattern pattern = Pattern.compile(target);
    return requests.stream().filter(request -> pattern.matcher(request.target()).find()).toList();
  }

  /** Returns how many connections have been opened so far. */
  int connections() {
    return connections.get();
  }

  void forget() {
    requests.clear();
  }

  /** Returns the name of a file's blob, which is its hash. */
  static String blob(String path, byte[] bytes) {
    return LARGE.matcher(path).matches() ? sha256(bytes) : gitHash(bytes);
  }

  static String sha256(byte[] bytes) {
    return HexFormat.of().formatHex(digest("SHA-256").digest(bytes));
  }

  /** Returns the hash by which git knows a file. */
  static String gitHash(byte[] bytes) {
    MessageDigest digest = digest("SHA-1");
    digest.update(("blob " + bytes.length + "\0").getBytes(StandardCharsets.US_ASCII));
    return HexFormat.of().formatHex(digest.digest(bytes));
  }

  private static MessageDigest digest(String algorithm) {
    try {
      return MessageDigest.getInstance(algorithm);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  private void accept(ServerSocket port) {
    while (!port.isClosed()) {
      try {
        Socket socket = port.accept();
        open.add(socket);
        connections.incrementAndGet();
        Thread.ofVirtual().start(() -> serve(socket, port == hub ? "hub" : "store"));
      } catch (IOException e) {
        // It was closed.
      }
    }
  }

  private void serve(Socket socket, String at) {
    try (socket) {
      InputStream in = new BufferedInputStream(socket.getInputStream());
      OutputStream out = new BufferedOutputStream(socket.getOutputStream());
      for (Request request = read(in, at); request != null; request = read(in, at)) {
        requests.add(request);
        Reply reply = answer(request);
        for (Fault fault : faults) {
          reply = fault.isDue(request) ? fault.change().apply(reply) : reply;
        }
        reply.send(out);
        if (Set.of(End.CUT, End.NONE, End.BARE).contains(reply.end())
            || "close".equals(reply.headers().get("Connection"))) {
          break;
        }
      }
      open.remove(socket);
    } catch (IOException | InterruptedException e) {
      // The client has gone, or the test is over.
    } catch (RuntimeException | Error e) {
      own.add(e);
    }
  }

  private Request read(InputStream in, String at) throws IOException {
    String first = line(in);
    if (first.isEmpty()) {
      return null;
    }
    assertThat(first).matches("GET [!-~]+ HTTP/1.1");
    String target = first.split(" ")[1];
    Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    for (String line = line(in); !line.isEmpty(); line = line(in)) {
      headers.put(line.substring(0, line.indexOf(':')), line.substring(line.indexOf(':') + 2));
    }
    // To a proxy, whole addresses are named.
    return new Request(
        target.startsWith(store())
            ? target.replace(store(), "store")
            : at + target.replaceFirst("^http://[^/]+", ""),
        headers);
  }

  private static String line(InputStream in) throws IOException {
    StringBuilder line = new StringBuilder();
    for (int next = in.read(); next >= 0 && next != '\n'; next = in.read()) {
      line.append((char) next);
    }
    return line.toString().stripTrailing();
  }

  private Reply answer(Request request) {
    String api = "hub/api/%s/%s/revision/".formatted(kind, name);
    String tree = "hub/api/%s/%s/tree/".formatted(kind, name);
    String resolve = "hub/%s%s/resolve/".formatted(kind.equals("models") ? "" : kind + "/", name);
    String small = "hub/api/resolve-cache/%s/%s/".formatted(kind, name);
    String path = request.path().substring(1);
    if (path.startsWith(api)) {
      // A revision is one part of the path, with its slashes in codes.
      assertThat(request.target().substring(api.length()))
          .doesNotContain("/")
          .contains("?blobs=true");
      String commit = revisions.get(path.substring(api.length()));
      return commit == null
          ? Reply.error(404, "RevisionNotFound")
          : Reply.of(200, json(listing(commit)))
              .with("Content-Type", "application/json; charset=utf-8");
    } else if (path.startsWith(resolve)) {
      return resolve(
          path.substring(resolve.length()), request.target().substring(resolve.length()));
    } else if (path.startsWith(tree)) {
      return Reply.of(200, json(tree(path.substring(tree.length()))));
    } else if (path.startsWith(small)) {
      return content(file(path.substring(small.length())), request);
    } else if (path.startsWith("store/")) {
      return commits.values().stream()
          .flatMap(files -> files.values().stream())
          .filter(bytes -> path.equals("store/" + sha256(bytes)))
          .findFirst()
          .map(bytes -> content(bytes, request))
          .orElse(Reply.error(403, ""));
    }
    return Reply.error(request.headers().containsKey("Authorization") ? 404 : 401, "RepoNotFound");
  }

  private byte[] file(String commitAndPath) {
    String[] parts = commitAndPath.split("/", 2);
    return commits.getOrDefault(parts[0], Map.of()).get(parts[1]);
  }

  private Reply resolve(String path, String encoded) {
    byte[] bytes = file(path);
    if (bytes == null) {
      return Reply.error(404, "EntryNotFound");
    }
    Reply reply =
        LARGE.matcher(path).matches()
            ? Reply.redirect(302, "%s/%s?Signature=a~b&X=1".formatted(store(), sha256(bytes)))
            : Reply.redirect(307, "/api/resolve-cache/%s/%s/%s?x=1".formatted(kind, name, encoded));
    return reply.with("X-Repo-Commit", path.split("/")[0]).with("X-Linked-Size", bytes.length);
  }

  private static Reply content(byte[] bytes, Request request) {
    Matcher range = RANGE.matcher(request.headers().getOrDefault("Range", ""));
    if (!range.matches()) {
      return Reply.of(200, bytes);
    }
    long from = Long.parseLong(range.group(1));
    long to =
        range.group(2).isEmpty()
            ? bytes.length
            : Math.min(Long.parseLong(range.group(2)) + 1, bytes.length);
    return from >= to
        ? Reply.error(416, "").with("Content-Range", "bytes */" + bytes.length)
        : Reply.of(206, Arrays.copyOfRange(bytes, (int) from, (int) to))
            .with("Content-Range", "bytes %d-%d/%d".formatted(from, to - 1, bytes.length));
  }

  /** With codes for characters, since what is none has no bytes in UTF-8. */
  private static byte[] json(JsonNode listing) {
    return Pattern.compile("[^ -~]")
        .matcher(listing.toString())
        .replaceAll(found -> Matcher.quoteReplacement(Printable.escape(found.group())))
        .getBytes(StandardCharsets.US_ASCII);
  }

  /** Returns what a folder has, as the Hub lists it. */
  private ArrayNode tree(String commitAndFolder) {
    String[] parts = commitAndFolder.split("/", 2);
    ObjectNode listing = JsonNodeFactory.instance.objectNode();
    ArrayNode tree = listing.putArray("siblings");
    tree.addObject().put("type", "directory").put("path", parts[1] + "/more").put("size", 0);
    commits.get(parts[0]).entrySet().stream()
        .filter(file -> file.getKey().startsWith(parts[1] + "/"))
        .forEach(
            file -> {
              ObjectNode entry = add(listing, file.getKey(), file.getValue());
              entry.put("type", "file").set("path", entry.remove("rfilename"));
              entry.set("oid", entry.remove("blobId"));
              if (entry.get("lfs") instanceof ObjectNode large) {
                large.set("oid", large.remove("sha256"));
              }
            });
    return tree;
  }

  private ObjectNode listing(String commit) {
    ObjectNode listing = JsonNodeFactory.instance.objectNode();
    listing.put("id", name).put("sha", commit).put("private", false).put("gated", false);
    commits.get(commit).forEach((path, bytes) -> add(listing, path, bytes));
    return listing;
  }

  /** Adds a file to those that are listed, and returns its entry. */
  static ObjectNode add(ObjectNode listing, String path, byte[] bytes) {
    ObjectNode file = listing.withArray("siblings").addObject();
    file.put("rfilename", path).put("size", bytes.length).put("blobId", gitHash(bytes));
    if (LARGE.matcher(path).matches()) {
      file.putObject("lfs")
          .put("sha256", sha256(bytes))
          .put("size", bytes.length)
          .put("pointerSize", POINTER);
    }
    return file;
  }

  /** Closes it, and fails if a token reached the store, or a request was none that a hub knows. */
  @Override
  public void close() throws IOException {
    hub.close();
    store.close();
    for (Socket socket : new ArrayList<>(open)) {
      socket.close();
    }
    assertThat(own).isEmpty();
    assertThat(requests("^store/"))
        .allSatisfy(
            request -> assertThat(request.headers()).doesNotContainKeys("Authorization", "Cookie"));
  }
}
