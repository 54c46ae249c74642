package io.github.wandacuda.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.error.ConnectionException;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.hub.LoopbackHub.End;
import io.github.wandacuda.hub.LoopbackHub.Reply;
import io.github.wandacuda.testing.Directories;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A hub that is broken or hostile: what may pass is tried again, all else is one line, and then the
 * same from an honest hub arrives.
 */
class HostileHubTest extends Downloads {
  private static final String LISTING = "^hub/api/models/.*revision";
  private static final String RESOLVE = "^hub/org/name/resolve/";
  private static final String SMALL = "^hub/api/resolve-cache/";
  private static final String STORE = "^store/";
  private static final List<String> ALL = List.of(LISTING, RESOLVE, SMALL, STORE);

  private static Arguments fault(String name, UnaryOperator<Reply> change) {
    return Arguments.of(Named.of(name, change));
  }

  private static Stream<Arguments> passing() {
    return Stream.of(
        fault("500", reply -> Reply.error(500, "")),
        fault("502", reply -> Reply.error(502, "")),
        fault("503", reply -> Reply.error(503, "").with("Retry-After", "0")),
        fault("504", reply -> Reply.error(504, "")),
        fault("408", reply -> Reply.error(408, "")),
        fault("429", reply -> Reply.error(429, "").with("Retry-After", "0")),
        fault("429 without a time", reply -> Reply.error(429, "")),
        fault("429 with a date", reply -> Reply.error(429, "").with("Retry-After", "Mon, 1 Jan")),
        fault("no answer", reply -> reply.after(0, End.NONE)),
        fault("no body", reply -> reply.with("Content-Length", 9).after(0, End.CUT)),
        fault("half a body", reply -> reply.after(reply.body().length / 2, End.CUT)));
  }

  @ParameterizedTest
  @MethodSource("passing")
  void whatMayPassIsTriedAgain(UnaryOperator<Reply> fault) throws IOException {
    ALL.forEach(target -> hub.spoil(target, 1, fault));
    assertHas(download().path(), files);
    ALL.forEach(target -> assertThat(hub.requests(target)).hasSizeGreaterThan(1));
  }

  @Test
  void whatStallsIsTriedAgain() throws IOException {
    assertHas(download().path(), files);
    Directories.remove(folder());
    stall = Duration.ofMillis(300);
    ALL.forEach(
        target -> hub.spoil(target, 1, reply -> reply.after(reply.body().length / 2, End.STALLED)));
    assertHas(download().path(), files);
  }

  @ParameterizedTest
  @ValueSource(strings = {LISTING, STORE})
  void whatStallsForEverEnds(String target) throws IOException {
    hub.spoil(target, ALWAYS, reply -> reply.after(0, End.STALLED));
    stall = Duration.ofMillis(200);
    assertFails(ConnectionException.class, "no byte in", "run the same again");
    hub.heal();
    stall = SOON;
    assertHas(download().path(), files);
  }

  private static Reply zeros(Reply reply) {
    return reply.with(new byte[reply.body().length]);
  }

  /** Answers of the store that no honest one gives, but that may be others the next time. */
  private static Stream<Arguments> passingInTheStore() {
    return Stream.of(
        fault("an address that has expired", reply -> Reply.error(403, "")),
        fault(
            "bytes of another place", reply -> zeros(reply).with("Content-Range", "bytes 7-9/99")),
        fault("bytes of no place", reply -> zeros(reply).without("Content-Range")),
        fault("a place that is none", reply -> zeros(reply).with("Content-Range", "bytes x")),
        fault("a short body", reply -> reply.with(Arrays.copyOf(reply.body(), 99))),
        fault("an empty body", reply -> reply.with(new byte[0])),
        fault(
            "more bytes than were asked for",
            reply -> reply.with(Arrays.copyOf(reply.body(), 2 * reply.body().length))),
        fault(
            "bytes without an end",
            reply -> reply.without("Content-Length").after(Long.MAX_VALUE, End.ENDLESS)),
        fault(
            "a length without an end",
            reply ->
                reply.with("Content-Length", Long.MAX_VALUE).after(Long.MAX_VALUE, End.ENDLESS)));
  }

  @ParameterizedTest
  @MethodSource("passingInTheStore")
  void whatTheStoreGetsWrongOnceIsTriedAgain(UnaryOperator<Reply> fault) throws IOException {
    hub.spoil(STORE, 3, fault);
    assertHas(download().path(), files);
  }

  @Test
  void aStoreThatKnowsNoRangesGivesAll() throws IOException {
    byte[] shard = files.get(SHARD);
    hub.spoil(
        STORE + LoopbackHub.sha256(shard),
        ALWAYS,
        reply ->
            new Reply(200, Map.of(), shard, shard.length, End.WHOLE)
                .with("Content-Length", shard.length));
    assertHas(download().path(), files);
  }

  private static Stream<Arguments> lasting() {
    return Stream.of(
        fault("500", reply -> Reply.error(500, "")),
        fault("429 for a day", reply -> Reply.error(429, "").with("Retry-After", "86400")),
        fault("a status of its own", reply -> Reply.error(299, "")),
        fault("418", reply -> Reply.error(418, "")),
        fault("no answer", reply -> reply.after(0, End.NONE)),
        fault("no body", reply -> reply.with("Content-Length", 9).after(0, End.CUT)),
        fault("304", reply -> Reply.of(304, new byte[0])),
        fault("a circle", reply -> Reply.redirect(302, "/circle")),
        fault("long headers", reply -> reply.with("X-Long", "a".repeat(1 << 20))),
        fault("no HTTP", reply -> reply.with(new byte[] {'H', 'I', '\n'}).after(3, End.BARE)));
  }

  @ParameterizedTest
  @MethodSource("lasting")
  void whatLastsEndsInOneLine(UnaryOperator<Reply> fault) throws IOException {
    for (String target : ALL) {
      hub.spoil(target + "|^hub/circle", ALWAYS, fault);
      assertFails(ConnectionException.class, "org/name", "run the same again");
      hub.heal();
      Directories.remove(folder());
    }
    assertHas(download().path(), files);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "http://[",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "javascript:alert(1)",
        "//",
        "http:///etc/passwd",
        "http://127.0.0.1:1/",
        "http://127.0.0.1:99999/",
        "http://a.invalid/"
      })
  void whereNoRedirectMayLead(String place) throws IOException {
    hub.spoil(SMALL, ALWAYS, reply -> Reply.redirect(302, place));
    assertFails(ConnectionException.class, "org/name", "run the same again");
    hub.heal();
    assertHas(download().path(), files);
  }

  @Test
  void noRedirectLeadsToAnAddressWithAPassword() {
    hub.spoil(SMALL, ALWAYS, reply -> Reply.redirect(302, "http://me:word@127.0.0.1:1/"));
    assertFails(ConnectionException.class, "found a redirect to");
  }

  /** What the Hub says itself, where, and what is to be done about it. */
  @ParameterizedTest
  @CsvSource({
    "LISTING, 401, '', HF_TOKEN still holds",
    "LISTING, 401, RepoNotFound, HF_TOKEN still holds",
    "LISTING, 404, RepoNotFound, see http",
    "LISTING, 404, RevisionNotFound, the revision main",
    "RESOLVE, 401, GatedRepo, ask for access on http",
    "RESOLVE, 403, GatedRepo, ask for access on http",
    "RESOLVE, 404, EntryNotFound, EntryNotFound",
    "RESOLVE, 404, '', 404"
  })
  void whatTheHubSaysIsTold(String at, int status, String code, String said) throws IOException {
    hub.spoil(at.equals("LISTING") ? LISTING : RESOLVE, ALWAYS, reply -> Reply.error(status, code));
    assertFails(InputException.class, "org/name", said);
    // It isn't asked again and again.
    assertThat(hub.requests(LISTING)).hasSize(1);
    hub.heal();
    assertHas(download().path(), files);
  }

  @Test
  void withoutATokenOneIsNamed() {
    environment.remove("HF_TOKEN");
    environment.put("HF_HOME", root.resolve("none").toString());
    assertFails(
        () -> download(DownloadRequest.of("org/other")),
        InputException.class,
        "org/other",
        "check the name",
        "set HF_TOKEN");
    hub.spoil(RESOLVE, ALWAYS, reply -> Reply.error(401, "GatedRepo"));
    assertFails(InputException.class, "ask for access", "HF_TOKEN");
  }

  @Test
  void unknownRevisionsAreTold() {
    assertFails(
        () -> download(request("no-such", List.of(), List.of())),
        InputException.class,
        "org/name",
        "no-such");
    assertThat(folder()).doesNotExist();
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static Stream<Named<String>> noListings() {
    return Stream.of(
            "",
            " ",
            "{",
            "[]",
            "null",
            "0",
            "{}",
            "{\"sha\": 1}",
            "{\"sha\": \"main\"}",
            "{\"sha\": \"../../../%s\"}".formatted(COMMIT.substring(9)),
            "<!doctype html><title>Sign in</title>",
            "{\"sha\": \"%s\"}".formatted(COMMIT),
            "{\"sha\": \"%s\", \"sha\": \"%s\"}".formatted(COMMIT, NEXT),
            "{\"sha\": \"%s\", \"siblings\": 7}".formatted(COMMIT),
            "{\"sha\": \"%s\", \"siblings\": [7, [], {}, null]}".formatted(COMMIT),
            "[".repeat(1 << 20),
            "[" + "{},".repeat(1 << 20) + "{}]",
            "\"" + "a".repeat(1 << 20))
        .map(text -> Named.of("%.40s".formatted(text + " sent"), text));
  }

  @ParameterizedTest
  @MethodSource("noListings")
  void whatIsNoListingIsRefused(String text) {
    hub.spoil(LISTING, ALWAYS, reply -> reply.with(bytes(text)));
    assertThat(catchThrowable(this::download))
        .isInstanceOfAny(InputException.class, ConnectionException.class);
    assertThat(folder()).doesNotExist();
  }

  @Test
  void anEndlessListingEnds() {
    hub.spoil(
        LISTING,
        ALWAYS,
        reply -> reply.with(bytes("[[]")).without("Content-Length").after(9, End.ENDLESS));
    assertFails(ConnectionException.class, "JSON");
  }

  private static Stream<String> noNames() {
    return Stream.of(
        "..",
        ".",
        "",
        "/",
        "../../config.json",
        "a/../../b.json",
        "a/./b.json",
        "a//b.json",
        "/etc/cron.d/a",
        "a/",
        "a\\..\\..\\b.json",
        "C:\\a.json",
        "C:a.json",
        "a.json:stream",
        "a\0.json",
        "a\n.json",
        "a\u001b[2J.json",
        "\ud800.json",
        ".git/config",
        ".GIT/config",
        "a/.git/hooks/post-checkout",
        ".cache/huggingface/a.json",
        "a".repeat(256),
        "é".repeat(200),
        "a/".repeat(5000) + "b.json",
        "config.json",
        "config.json/a",
        "config.json/a/b.json",
        SHARD + "/a.json");
  }

  @ParameterizedTest
  @MethodSource("noNames")
  void namesThatLeadElsewhereAreRefused(String name) {
    DownloadRequest all = request("main", List.of("*"), List.of());
    hub.relist(listing -> LoopbackHub.add(listing, name, bytes("hostile")));
    assertFails(() -> download(all), InputException.class, "org/name", "the Hub's list");
    assertThat(folder()).doesNotExist();
    // Whichever of two comes first.
    hub.heal();
    hub.relist(
        listing -> {
          LoopbackHub.add(listing, name, bytes("hostile"));
          ArrayNode listed = listing.withArray("siblings");
          listed.insert(0, listed.remove(listed.size() - 1));
        });
    assertFails(() -> download(all), InputException.class, "org/name", "the Hub's list");
    assertThat(folder()).doesNotExist();
  }

  private static Stream<Consumer<ObjectNode>> noFiles() {
    return Stream.of(
        file -> file.put("blobId", "../../../config.json"),
        file -> file.put("blobId", ""),
        file -> file.put("blobId", "0".repeat(39)),
        file -> file.put("blobId", "0".repeat(64)),
        file -> file.put("blobId", "/".repeat(40)),
        file -> file.put("blobId", "A".repeat(40)),
        file -> file.put("blobId", 7),
        file -> file.remove("blobId"),
        file -> file.putObject("lfs"),
        file -> file.putObject("lfs").put("sha256", "../../x").put("size", 7),
        file -> file.putObject("lfs").put("sha256", "0".repeat(40)).put("size", 7),
        file -> file.putObject("lfs").put("sha256", "0".repeat(64)),
        file -> file.put("size", -1),
        file -> file.put("size", Long.MIN_VALUE),
        file -> file.put("size", new BigInteger("9".repeat(30))),
        file -> file.put("size", 1e300),
        file -> file.put("size", 1.5),
        file -> file.put("size", "7"),
        file -> file.put("size", Long.MAX_VALUE),
        file -> file.putNull("size"),
        file -> file.putObject("size"),
        file -> file.remove("size"));
  }

  @ParameterizedTest
  @MethodSource("noFiles")
  void hashesAndSizesThatCannotBeAreRefused(Consumer<ObjectNode> change) {
    hub.relist(listing -> change.accept(LoopbackHub.add(listing, "more.json", bytes("hostile"))));
    assertFails(InputException.class, "org/name", "the Hub's list");
    assertThat(folder()).doesNotExist();
  }

  @Test
  void withoutRoomNothingIsBegun() throws IOException {
    long free = Files.getFileStore(root).getTotalSpace();
    hub.relist(
        listing -> {
          LoopbackHub.add(listing, "more.json", bytes("hostile")).put("size", free);
          LoopbackHub.add(listing, "most.json", bytes("more hostile")).put("size", free);
        });
    assertFails(OutputException.class, "room for", "found");
    assertThat(hub.requests(RESOLVE)).isEmpty();
    hub.heal();
    assertHas(download().path(), files);
  }

  /** Sizes whose sum is beyond all numbers. */
  @Test
  void sizesDoNotOverflow() {
    hub.relist(
        listing -> {
          for (int file = 0; file < 1 << 12; file++) {
            LoopbackHub.add(listing, file + ".json", bytes("" + file)).put("size", 1L << 52);
          }
        });
    assertThat(catchThrowable(this::download))
        .isInstanceOfAny(InputException.class, OutputException.class);
  }

  /** Bytes that are others than the listed ones, or more, or fewer. */
  private static Stream<Arguments> wrong() {
    return Stream.of(
        fault(
            "wrong bytes",
            reply -> {
              byte[] wrong = reply.body().clone();
              wrong[wrong.length / 2] ^= 1;
              return reply.with(wrong);
            }),
        fault("other bytes", HostileHubTest::zeros));
  }

  @ParameterizedTest
  @MethodSource("wrong")
  void wrongBytesGetNoName(UnaryOperator<Reply> fault) throws IOException {
    for (String target :
        List.of(STORE + LoopbackHub.sha256(files.get(SHARD)), SMALL + ".*config")) {
      hub.spoil(target, ALWAYS, fault);
      assertFails(InputException.class, "digest", "this file begins anew");
      hub.heal();
      assertHas(download().path(), files);
      Directories.remove(folder());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 1, -PIECE, PIECE})
  void aSizeThatIsNotTheFilesGetsNoName(int more) {
    hub.relist(
        listing -> {
          for (var file : listing.withArray("siblings")) {
            if (file.path("rfilename").textValue().equals(SHARD)) {
              ((ObjectNode) file.path("lfs")).put("size", files.get(SHARD).length + more);
            }
          }
        });
    assertThat(catchThrowable(this::download))
        .isInstanceOfAny(InputException.class, ConnectionException.class);
    assertThat(folder().resolve("blobs").resolve(LoopbackHub.sha256(files.get(SHARD))))
        .doesNotExist();
  }

  @Test
  void aCacheThatCannotBeWrittenIsTold() throws IOException {
    Files.writeString(folder(), "a file");
    assertFails(OutputException.class, folder().toString());
    Files.delete(folder());
  }
}
