package io.github.wandacuda.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.cli.Main;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ConnectionException;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.hub.LoopbackHub.End;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Started;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Within;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What arrives, where, and that it does so after whatever happened on the way. */
class DownloadTest extends Downloads {
  private static final String ANY = "";

  private static Map<String, byte[]> only(Map<String, byte[]> files, String pattern) {
    Map<String, byte[]> found = new LinkedHashMap<>(files);
    found.keySet().removeIf(path -> !path.matches(pattern));
    return found;
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void aModelArrivesInTheLayoutOfHuggingFacesTools() throws IOException {
    Map<String, byte[]> others = new LinkedHashMap<>(files);
    others.put("pytorch_model.bin", bytes("a pickle"));
    others.put("onnx/model.onnx", bytes("for another program"));
    hub.commit(COMMIT, others, "main");
    Download.Result result = download();
    Path snapshot = folder().resolve("snapshots").resolve(COMMIT);
    assertThat(result.path()).isEqualTo(snapshot);
    assertThat(result.revision()).isEqualTo(COMMIT);
    assertThat(result.files()).isEqualTo(files.size());
    assertThat(result.bytes()).isEqualTo(files.values().stream().mapToLong(b -> b.length).sum());
    assertHas(snapshot, files);
    assertThat(Files.readString(folder().resolve("refs/main"))).isEqualTo(COMMIT);
    for (Map.Entry<String, byte[]> file : files.entrySet()) {
      assertThat(Files.readSymbolicLink(snapshot.resolve(file.getKey())))
          .isEqualTo(Path.of("../../blobs", LoopbackHub.blob(file.getKey(), file.getValue())));
    }
    assertThat(hub.requests("pytorch|onnx")).isEmpty();
    // Only what has a name is left.
    assertThat(children(folder().resolve("blobs")))
        .allSatisfy(
            blob ->
                assertThat(blob.getFileName().toString()).matches("[0-9a-f]{40}([0-9a-f]{24})?"));
  }

  @Test
  void nothingIsFetchedTwice() throws IOException {
    download();
    assertThat(hub.requests("resolve/.*" + SHARD)).hasSize(1);
    hub.forget();
    assertHas(download().path(), files);
    assertThat(hub.requests(ANY)).hasSize(1);
    // What has a name is whole, whoever wrote it: a link is all that is missing.
    Files.delete(folder().resolve("snapshots").resolve(COMMIT).resolve("config.json"));
    assertHas(download().path(), files);
    assertThat(hub.requests(ANY)).hasSize(2);
    // Of the next commit, what differs.
    files.put("config.json", bytes("{}"));
    hub.commit(NEXT, files, "main");
    hub.forget();
    assertThat(download().revision()).isEqualTo(NEXT);
    assertHas(folder().resolve("snapshots").resolve(NEXT), files);
    assertThat(Files.readString(folder().resolve("refs/main"))).isEqualTo(NEXT);
    assertThat(hub.requests("resolve/")).hasSize(1);
  }

  @Test
  void aBlobThatLostBytesIsFetchedAgain() throws IOException {
    download();
    Path blob = folder().resolve("blobs").resolve(LoopbackHub.sha256(files.get(SHARD)));
    Files.write(blob, Arrays.copyOf(files.get(SHARD), PIECE));
    assertHas(download().path(), files);
  }

  @Test
  void connectionsServeAgain() {
    for (int shard = 0; shard < 64; shard++) {
      files.put("more-%d.safetensors".formatted(shard), bytes("shard " + shard));
    }
    hub.commit(COMMIT, files, "main");
    download();
    assertThat(hub.requests(ANY)).hasSizeGreaterThan(128);
    // Four at once, of the hub and the store.
    assertThat(hub.connections()).isLessThan(13);
  }

  @Test
  void whatTwoNamesHaveIsFetchedOnce() throws IOException {
    files.put("model-00001-of-00002.safetensors", files.get(SHARD));
    hub.commit(COMMIT, files, "main");
    assertHas(download().path(), files);
    assertThat(hub.requests("resolve/.*-0000[12]-")).hasSize(1);
  }

  @Test
  void globsChooseFiles() throws IOException {
    files.put("1_Pooling/config.json", bytes("{}"));
    files.put("LICENSE-json", bytes("{}"));
    hub.commit(COMMIT, files, "main");
    assertHas(
        download(request("main", List.of("*.json"), List.of("token*"))).path(),
        only(files, "(.*/)?config\\.json"));
    // What was there of the same snapshot stays.
    assertHas(
        download(request("main", List.of("*-0000?-of-*"), List.of())).path(),
        only(files, "(.*/)?config\\.json|model-.*"));
    assertHas(download(request("main", List.of("*"), List.of())).path(), files);
    assertFails(
        () -> download(request("main", List.of("*.gguf"), List.of())),
        InputException.class,
        "expected files that are asked for, found none");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "pytorch_model.bin",
        "a/b/Optimizer.PT",
        "model.pth",
        "model.ckpt",
        "data.pkl",
        "data.pickle",
        "trees.joblib",
        "license\u2028.pkl",
        "license\u0085.bin",
        "policy.dill",
        "policy.pt2",
        "license.pck",
        "license.th",
        "license.npz",
        "license.pyc",
        "license.pkl.gz",
        "notice.so",
        "LICENSE.exe"
      })
  void aPickleNeverArrivesEvenIfItIsAskedFor(String pickle) throws IOException {
    files.put(pickle, bytes("a pickle"));
    hub.commit(COMMIT, files, "main");
    assertFails(
        () -> download(request("main", List.of(pickle), List.of())),
        InputException.class,
        "pickles");
    files.remove(pickle);
    assertHas(download(request("main", List.of("*"), List.of())).path(), files);
  }

  @Test
  void aModelOfPicklesAloneIsRefused() {
    hub.commit(COMMIT, Map.of("config.json", bytes("{}"), "model.bin", bytes("a pickle")), "main");
    assertFails(InputException.class, "org/name", ".safetensors", "found none");
    assertThat(folder()).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(strings = {"main", "feature/half-precision", "v1.0+a", COMMIT, "refs/pr/1"})
  void revisionsArriveByEachName(String revision) throws IOException {
    hub.commit(NEXT, Map.of("model.safetensors", bytes("later")), "main");
    hub.commit(COMMIT, files, revision);
    Download.Result result = download(request(revision, List.of(), List.of()));
    assertThat(result.revision()).isEqualTo(COMMIT);
    assertHas(result.path(), files);
    if (revision.equals(COMMIT)) {
      assertThat(folder().resolve("refs")).doesNotExist();
    } else {
      assertThat(Files.readString(folder().resolve("refs").resolve(revision))).isEqualTo(COMMIT);
    }
  }

  @Test
  void aCommitIsNoOtherOne() {
    hub.relist(listing -> listing.put("sha", NEXT));
    assertFails(
        () -> download(request(COMMIT, List.of(), List.of())), InputException.class, COMMIT, NEXT);
    assertThat(folder()).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(strings = {"../main", "a/../../b", "a\0b", "", "/main", "a\nb", "a?b"})
  void whatIsNoRevisionIsNeverAskedFor(String revision) {
    assertFails(() -> download(request(revision, List.of(), List.of())), UsageException.class);
    assertThat(hub.requests(ANY)).isEmpty();
  }

  @Test
  void dataSetsArriveWhole() throws IOException {
    try (LoopbackHub other = new LoopbackHub("datasets", "org/texts")) {
      Map<String, byte[]> texts =
          Map.of("en/part.json.gz", bytes("text"), "README.md", bytes("# Texts"));
      other.commit(COMMIT, texts, "main");
      environment.put("HF_ENDPOINT", other.endpoint() + "/");
      cache = root.resolve("for-texts");
      environment.put("HF_HUB_CACHE", cache.toString());
      Path snapshot = download(DownloadRequest.of("datasets/org/texts")).path();
      assertThat(snapshot)
          .isEqualTo(cache.resolve("datasets--org--texts/snapshots").resolve(COMMIT));
      assertHas(snapshot, texts);
    }
    Directories.remove(cache);
  }

  @ParameterizedTest
  @ValueSource(strings = {"c4", "wikitext2"})
  void knownTextsArriveAloneAndAreFoundByTheirNames(String name) throws IOException {
    KnownText text = KnownText.of(name).orElseThrow();
    try (LoopbackHub other = new LoopbackHub("datasets", text.dataset)) {
      other.commit(COMMIT, Map.of(text.file, bytes("text"), "more.parquet", bytes("more")), "main");
      environment.put("HF_ENDPOINT", other.endpoint());
      cache = root.resolve("for-texts");
      environment.put("HF_HUB_CACHE", cache.toString());
      assertFails(
          () -> KnownText.find(name, environment),
          InputException.class,
          "wanda-cuda download " + name);
      assertHas(download(DownloadRequest.of(name)).path(), Map.of(text.file, bytes("text")));
      assertThat(KnownText.find(name, environment)).hasContent("text");
    }
    Directories.remove(cache);
  }

  /** The Hub cuts long lists without a word. */
  @ParameterizedTest
  @ValueSource(strings = {"a/b c/part.json.gz", "a/b c/part.json", "a/b c/more"})
  void aFileThatIsNamedIsFoundInItsFolder(String path) throws IOException {
    files.put("a/b c/part.json.gz", bytes("compressed"));
    files.put("a/b c/part.json", bytes("{}"));
    hub.commit(COMMIT, files, "main");
    hub.relist(listing -> listing.putArray("siblings"));
    DownloadRequest asked = request("main", List.of(path), List.of());
    if (files.containsKey(path)) {
      assertHas(download(asked).path(), Map.of(path, files.get(path)));
    } else {
      assertFails(() -> download(asked), InputException.class, "org/name", "found none");
    }
  }

  @Test
  void aTokenGoesToTheHubAloneAndToEachOfItsPages() {
    download();
    // The list, and of three small files and two shards where they are; the small ones are here.
    assertThat(hub.requests("^hub/")).hasSize(1 + 3 + 2 + 3);
    assertThat(hub.requests("^hub/"))
        .allSatisfy(
            request ->
                assertThat(request.headers()).containsEntry("Authorization", "Bearer " + TOKEN));
    assertThat(hub.requests("^store/")).hasSize(2);
  }

  /** The hub's own machine by another name, or as another user's, may be anybody's. */
  @Test
  void aTokenStaysWhereTheAddressIsSpeltOtherwise() throws IOException {
    String other = hub.endpoint().replace("127.0.0.1", "localhost");
    hub.spoil(
        "resolve/.*config.json",
        1,
        reply -> LoopbackHub.Reply.redirect(302, other + reply.headers().get("Location")));
    assertHas(download().path(), files);
    assertThat(
            hub.requests(ANY).stream().filter(each -> each.headers().get("Host").startsWith("l")))
        .hasSize(1)
        .noneMatch(request -> request.headers().containsKey("Authorization"));
  }

  @Test
  void aTokenIsFoundWhereHuggingFacesToolsKeepIt() throws IOException {
    environment.remove("HF_TOKEN");
    Path home = Files.createDirectories(root.resolve("one/two/hub/models--org--name"));
    environment.put("HF_HOME", home.toString());
    assertThat(HubSettings.of(environment).token()).isEmpty();
    Files.writeString(home.resolve("token"), "kept\n");
    assertThat(HubSettings.of(environment).token()).contains("kept");
    Files.writeString(home.resolve("other"), "");
    environment.put("HF_TOKEN_PATH", home.resolve("other").toString());
    assertThat(HubSettings.of(environment).token()).isEmpty();
    Files.writeString(home.resolve("other"), "another");
    assertThat(HubSettings.of(environment).token()).contains("another");
    environment.put("HF_TOKEN", " " + TOKEN + "\n");
    assertThat(HubSettings.of(environment).token()).contains(TOKEN);
    environment.put("HF_TOKEN", TOKEN + "\r\nHost: elsewhere");
    assertFails(() -> HubSettings.of(environment), InputException.class, "HF_TOKEN");
    environment.remove("HF_TOKEN");
    environment.put("HF_TOKEN_PATH", "");
    Files.delete(home.resolve("token"));
    download();
    assertThat(hub.requests(ANY))
        .noneMatch(request -> request.headers().containsKey("Authorization"));
  }

  @Test
  void aProxyIsUsedAndReadsNoToken() throws IOException {
    environment.put("http_proxy", hub.endpoint());
    environment.put("HF_ENDPOINT", "http://hub.invalid");
    assertHas(download().path(), files);
    assertThat(hub.requests(ANY))
        .allSatisfy(request -> assertThat(request.headers()).doesNotContainKey("Authorization"));
    environment.put("no_proxy", "elsewhere, .invalid");
    assertFails(ConnectionException.class, "http://hub.invalid", "no connection");
  }

  @ParameterizedTest
  @ValueSource(strings = {"http://", "http://me:word@[", "a:99999", "a b"})
  void aProxyIsAnAddress(String proxy) {
    environment.put("HTTP_PROXY", proxy);
    assertFails(InputException.class, "proxy");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "name", "org/", "/name", "org/name/more", "org/../name", "org/..", "../name"})
  void whatIsNoNameIsNeverAskedFor(String name) {
    assertFails(() -> DownloadRequest.of(name), UsageException.class, "org/name", "'" + name + "'");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "nonsense",
        "file:///etc",
        "ftp://a/",
        "http://",
        "https://me:word@a/",
        "http://["
      })
  void anEndpointIsAnAddressOfTheWeb(String endpoint) {
    environment.put("HF_ENDPOINT", endpoint);
    assertFails(() -> HubSettings.of(environment), InputException.class, "HF_ENDPOINT");
  }

  /** What a process leaves that ended at any place is gone on with, whatever it left. */
  private void cut(int cuts, long seed) throws IOException {
    Random random = new Random(seed);
    AtomicInteger left = new AtomicInteger(cuts);
    hub.spoil(
        "^store/|resolve-cache",
        ALWAYS,
        reply -> {
          synchronized (random) {
            // Without a byte several times in turn, a run gives up.
            int most = random.nextInt(3) > 0 ? 1 : reply.body().length;
            return most > 0 && random.nextInt(8) > 0 && left.getAndDecrement() > 0
                ? reply.after(random.nextInt(most), End.CUT)
                : reply;
          }
        });
    for (int run = 0; left.get() > 0; run++) {
      // Often the hub has a new commit: all that is in the cache is begun anew.
      if (run % 3 == 2) {
        random.nextBytes(files.get(SHARD));
        hub.commit("%040x".formatted(run), files, "main");
      }
      try {
        arrivesUnlessDamaged();
      } catch (ConnectionException e) {
        damage(random);
      }
    }
    hub.heal();
    arrivesUnlessDamaged();
    assertHas(download().path(), files);
  }

  /** Where bytes were put in the place of lost ones, the digest shows it, and the file is gone. */
  private void arrivesUnlessDamaged() throws IOException {
    try {
      assertHas(download().path(), files);
    } catch (InputException e) {
      assertThat(e).hasMessageContaining("this file begins anew");
    }
  }

  private void damage(Random random) throws IOException {
    for (Path file : children(folder().resolve("blobs"))) {
      if (file.getFileName().toString().contains("wanda-cuda") && random.nextBoolean()) {
        if (random.nextBoolean()) {
          byte[] garbage = new byte[random.nextInt(2 * PIECE)];
          Files.write(file, garbage, StandardOpenOption.APPEND);
        } else {
          byte[] bytes = Files.readAllBytes(file);
          Files.write(file, Arrays.copyOf(bytes, random.nextInt(bytes.length + 1)));
        }
      }
    }
  }

  /** Leaves a shard as a run does that ended when these bytes of it had arrived. */
  private Path begun(byte[] first) throws IOException {
    return Files.write(own(SHARD, ".wanda-cuda"), first);
  }

  private byte[] firstBytes(int count) {
    return Arrays.copyOf(files.get(SHARD), count);
  }

  private void assertShardArrives() throws IOException {
    DownloadRequest asked = request("main", List.of(SHARD), List.of());
    assertHas(download(asked).path(), Map.of(SHARD, files.get(SHARD)));
  }

  private void assertAsksFrom(int... bytes) {
    assertThat(hub.requests("^store/").stream().map(request -> request.headers().get("Range")))
        .containsExactlyElementsOf(
            Arrays.stream(bytes)
                .mapToObj(from -> "bytes=%d-%d".formatted(from, files.get(SHARD).length - 1))
                .toList());
  }

  @Test
  void whatHasArrivedIsNotAskedForAgain() throws IOException {
    begun(firstBytes(2 * PIECE + 7));
    assertShardArrives();
    assertAsksFrom(2 * PIECE + 7);
  }

  @Test
  void ofAFileThatIsThereUpToItsLastByteNothingIsAskedFor() throws IOException {
    begun(files.get(SHARD));
    assertShardArrives();
    assertThat(hub.requests("resolve/")).isEmpty();
  }

  @Test
  void aStreamThatStallsGoesOnWhereItBroke() throws IOException {
    stall = Duration.ofMillis(300);
    hub.spoil("^store/", 1, reply -> reply.after(PIECE, End.STALLED));
    assertShardArrives();
    assertAsksFrom(0, PIECE);
  }

  @Test
  void aStreamThatEndsEarlyGoesOnWhereItEnded() throws IOException {
    hub.spoil("^store/", 1, reply -> reply.with(firstBytes(99)));
    assertShardArrives();
    assertAsksFrom(0, 99);
  }

  @Test
  void whereAServerKnowsNoRangesWhatIsThereIsPassedOver() throws IOException {
    byte[] shard = files.get(SHARD);
    begun(firstBytes(PIECE));
    hub.spoil("^store/", ALWAYS, reply -> LoopbackHub.Reply.of(200, shard));
    assertShardArrives();
    assertAsksFrom(PIECE);
  }

  /** As a power failure leaves a file of the right length, and as a longer one of somebody's. */
  @Test
  void aBeginningThatIsNotTheFilesIsNotKept() throws IOException {
    Path begun = begun(new byte[PIECE]);
    DownloadRequest asked = request("main", List.of(SHARD), List.of());
    assertFails(() -> download(asked), InputException.class, SHARD, "this file begins anew");
    assertThat(begun).doesNotExist();
    assertShardArrives();
    assertAsksFrom(PIECE, 0);
    Files.delete(blob(SHARD));
    hub.forget();
    begun(firstBytes(files.get(SHARD).length + 1));
    assertShardArrives();
    assertAsksFrom(0);
  }

  /** It had all pieces but the third, and so the file's length, and a second file of marks. */
  @Test
  void whatAnOlderVersionBeganBeginsAnew() throws IOException {
    byte[] bytes = files.get(SHARD).clone();
    Arrays.fill(bytes, 2 * PIECE, 3 * PIECE, (byte) 0);
    Path begun = begun(bytes);
    Path marks = Files.write(own(SHARD, ".wanda-cuda-pieces"), new byte[] {1, 1, 0, 1});
    assertShardArrives();
    assertAsksFrom(0);
    assertThat(begun).doesNotExist();
    assertThat(marks).doesNotExist();
    // Its marks alone, as where it was ended while it removed both.
    Files.write(marks, new byte[] {1, 1, 0, 1});
    Files.delete(blob(SHARD));
    assertShardArrives();
    assertThat(marks).doesNotExist();
  }

  @Test
  void fourFilesArriveAtOnce() throws IOException {
    for (int shard = 0; shard < 8; shard++) {
      files.put("more-%d.safetensors".formatted(shard), bytes("shard " + shard));
    }
    hub.commit(COMMIT, files, "main");
    AtomicInteger open = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    hub.spoil(
        "^store/",
        ALWAYS,
        reply -> {
          most.accumulateAndGet(open.incrementAndGet(), Math::max);
          // None goes on before there are four.
          while (most.get() < 4) {
            LockSupport.parkNanos(1_000_000);
          }
          LockSupport.parkNanos(20_000_000);
          open.decrementAndGet();
          return reply;
        });
    assertHas(download().path(), files);
    assertThat(most).hasValue(4);
  }

  /** A process that a signal ends, even one that it doesn't hear, leaves what has arrived. */
  @ParameterizedTest
  @CsvSource({"KILL, 137", "INT, 130"})
  @DisabledOnOs(OS.WINDOWS)
  void anotherProcessGoesOnWhereASignalEndedOne(String signal, int code) throws Exception {
    Path begun = own(SHARD, ".wanda-cuda");
    hub.spoil("^store/", ALWAYS, reply -> reply.after(PIECE, End.STALLED));
    try (Started process =
        Command.main(
                "--add-modules=jdk.incubator.vector",
                Main.class,
                "download",
                "org/name",
                "--include",
                SHARD)
            .with(environment)
            .start()) {
      process.await(() -> begun.toFile().length() == PIECE);
      process.signal(signal);
      assertThat(process.exitCode()).isEqualTo(code);
    }
    assertThat(begun).hasBinaryContent(firstBytes(PIECE));
    hub.heal();
    assertShardArrives();
    assertAsksFrom(0, PIECE);
  }

  @Test
  void whateverIsCutTheSameBytesArrive() throws IOException {
    long seed = System.nanoTime();
    try {
      cut(200, seed);
    } catch (Exception | AssertionError e) {
      throw new AssertionError("with the seed " + seed, e);
    }
  }

  @Thorough
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void whateverIsCutTheSameBytesArriveInLongerSeries(long seed) throws IOException {
    cut(1000, seed);
  }

  @Test
  void anInterruptEndsADownloadSoonAndItGoesOn() throws Exception {
    hub.spoil("^store/", 2, reply -> reply.after(1000, End.STALLED));
    AtomicReference<RuntimeException> failure = new AtomicReference<>();
    Thread thread =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    run(DownloadRequest.of("org/name"));
                  } catch (RuntimeException e) {
                    failure.set(e);
                  }
                });
    while (hub.requests("^store/").size() < 2) {
      Thread.sleep(1);
    }
    long then = System.nanoTime();
    thread.interrupt();
    Within.end(thread);
    // Not when the server counts as lost.
    assertThat(Duration.ofNanos(System.nanoTime() - then)).isLessThan(stall);
    assertThat(failure.get()).isInstanceOf(CancelledException.class);
    assertHas(download().path(), files);
  }

  @Test
  void whileOneDownloadIsAtWorkAnotherOfTheSameIsRefused() throws Exception {
    List<Throwable> refused = new ArrayList<>();
    hub.spoil(
        "^store/",
        1,
        reply -> {
          try {
            run(DownloadRequest.of("org/name"));
          } catch (RuntimeException e) {
            refused.add(e);
          }
          return reply;
        });
    assertHas(download().path(), files);
    assertThat(refused)
        .singleElement()
        .isInstanceOfSatisfying(
            UsageException.class, e -> assertThat(e).hasMessageContaining("org/name"));
  }

  private DownloadRequest into(Path output) {
    return new DownloadRequest(
        false, "org/name", "main", List.of(), List.of(), Optional.of(output));
  }

  @Test
  void aFolderHasFilesInThePlaceOfLinks() throws IOException {
    Path output = folder().resolve("output");
    files.put("copy.safetensors", files.get(SHARD));
    hub.commit(COMMIT, files, "main");
    hub.spoil("^store/", ALWAYS, reply -> reply.after(0, End.CUT));
    assertFails(() -> download(into(output)), ConnectionException.class);
    hub.heal();
    files.put("model-00001-of-00002.safetensors", bytes("another commit"));
    hub.commit(NEXT, files, "main");
    assertThat(download(into(output)).path()).isEqualTo(output);
    assertHas(output, files);
    assertThat(children(output)).noneMatch(Files::isSymbolicLink);
    hub.forget();
    download(into(output));
    assertThat(hub.requests(ANY)).hasSize(1);
    // A file of one's own stays as it is.
    Files.writeString(output.resolve("config.json"), "my own");
    assertFails(() -> download(into(output)), OutputException.class, "config.json");
    assertThat(output.resolve("config.json")).hasContent("my own");
  }

  @Test
  void progressReachesItsEnd() {
    List<Double> shares = new ArrayList<>();
    Progress progress =
        (what, done, total, share) -> {
          assertThat(done).isLessThanOrEqualTo(total).isEqualTo(done);
          shares.add(share);
        };
    new Download(settings(stall), DownloadRequest.of("org/name")).run(progress);
    assertThat(shares).isSorted().endsWith(1.0);
  }

  private Path blob(String name) {
    return folder().resolve("blobs").resolve(LoopbackHub.sha256(files.get(name)));
  }

  private Path own(String name, String ending) throws IOException {
    Path blob = blob(name);
    Files.createDirectories(blob.getParent());
    return blob.resolveSibling(blob.getFileName() + ending);
  }

  /** Links and second names that somebody put where a download writes lead to a file of theirs. */
  @ParameterizedTest
  @ValueSource(strings = {".wanda-cuda", ".wanda-cuda-pieces"})
  void nothingIsWrittenThroughALinkThatWasThere(String ending) throws IOException {
    Path victim = Files.writeString(folder().resolveSibling("config.json"), "not to be touched");
    Path link = own(SHARD, ending);
    Files.createSymbolicLink(link, victim);
    assertFails(OutputException.class, ending, "found a link");
    Files.delete(link);
    Files.createLink(link, victim);
    assertFails(OutputException.class, ending, "found a file");
    Files.delete(link);
    assertThat(victim).hasContent("not to be touched");
    assertHas(download().path(), files);
  }

  @ParameterizedTest
  @ValueSource(strings = {"blobs", "refs", "snapshots", "snapshots/" + COMMIT})
  void aFolderThatLeadsElsewhereIsRefused(String name) throws IOException {
    Path elsewhere = cache.resolve("models--org--x");
    Path elsewhereOutside = root.resolve("one");
    Path link = folder().resolve(name);
    Files.createDirectories(link.getParent());
    Files.createSymbolicLink(link, elsewhereOutside);
    assertFails(OutputException.class, link.toString(), "expected a folder in");
    Files.delete(link);
    assertThat(elsewhere).isDirectory();
    assertHas(download().path(), files);
  }

  @Test
  @DisabledOnOs(OS.WINDOWS)
  void aPipeInThePlaceOfTheLockIsRefusedAtOnce() throws Exception {
    Path lock = own(SHARD, "").resolveSibling(".wanda-cuda-lock");
    Command.of("mkfifo", lock).run().succeeds();
    assertFails(OutputException.class, ".wanda-cuda-lock", "found a pipe");
    Files.delete(lock);
    assertHas(download().path(), files);
  }

  @Test
  void aBlobOfTheRightSizeAndOtherBytesIsFetchedAgain() throws IOException {
    Files.createDirectories(blob(SHARD).getParent());
    Files.write(blob(SHARD), new byte[files.get(SHARD).length]);
    assertHas(download().path(), files);
    // Changed behind our back, to the same size.
    Files.write(blob(SHARD), new byte[files.get(SHARD).length]);
    assertHas(download().path(), files);
  }

  /** What an earlier download checked isn't read again. */
  @Test
  void aBlobIsCheckedOnce() throws IOException {
    download();
    FileTime then = Files.getLastModifiedTime(blob(SHARD));
    byte[] other = files.get(SHARD).clone();
    other[0]++;
    Files.write(blob(SHARD), other);
    Files.setLastModifiedTime(blob(SHARD), then);
    hub.forget();
    download();
    assertThat(hub.requests("resolve/")).isEmpty();
    Files.write(blob(SHARD), files.get(SHARD));
  }

  @Test
  void aFolderKeepsWhatIsNotTheDownloads() throws IOException {
    Path output = folder().resolve("output");
    Path work = Files.createDirectories(output.resolve(".cache/wanda-cuda"));
    Path notes = Files.writeString(work.resolve("notes.txt"), "precious");
    Path deeper = Files.createDirectories(work.resolve("deeper"));
    download(into(output));
    assertThat(notes).hasContent("precious");
    assertThat(deeper).isEmptyDirectory();
    assertThat(children(work)).containsExactly(notes);
  }

  @Test
  void aFolderInThePlaceOfAFileIsToldBeforeAnythingIsFetched() throws IOException {
    Path output = folder().resolve("output");
    Files.createDirectories(output.resolve(SHARD));
    assertFails(() -> download(into(output)), OutputException.class, SHARD, "found a folder");
    assertThat(hub.requests("resolve/")).isEmpty();
  }

  @Test
  void aFolderInThePlaceOfABlobOrReferenceIsToldBeforeAnythingIsFetched() throws IOException {
    for (Path place : List.of(blob(SHARD), folder().resolve("refs").resolve("main"))) {
      Files.createDirectories(place);
      assertFails(OutputException.class, place.toString(), "found a folder");
      assertThat(hub.requests("resolve/")).isEmpty();
      Files.delete(place);
    }
    assertHas(download().path(), files);
  }

  /** The same content under two names, one of which somebody gave another file. */
  @Test
  void anotherFileUnderASecondNameOfTheSameContentIsTold() throws IOException {
    files.put("z-" + SHARD, files.get(SHARD));
    hub.commit(COMMIT, files, "main");
    Path output = folder().resolve("output");
    Path other = output.resolve("z-" + SHARD);
    Files.createDirectories(output);
    Files.writeString(other, "another file");
    assertFails(() -> download(into(output)), OutputException.class, other.toString());
    assertThat(other).hasContent("another file");
    assertThat(hub.requests("resolve/")).isEmpty();
  }

  @Test
  void ggufAndCodeComeWhereTheyAreAskedFor() throws IOException {
    files.put("model-Q4_K_M.gguf", bytes("GGUF"));
    files.put("modeling.py", bytes("pass"));
    hub.commit(COMMIT, files, "main");
    assertHas(download().path(), only(files, "(?!.*\\.(gguf|py)$).*"));
    assertHas(download(request("main", List.of("*.gguf", "*.py", "*"), List.of())).path(), files);
  }

  /** A line of the cache's file of checked blobs says nothing of a folder, which never has one. */
  @Test
  void noFileInAFolderSaysThatABlobIsWhole() throws IOException {
    Path output = folder().resolve("output");
    Path blob = output.resolve(".cache/wanda-cuda").resolve(LoopbackHub.sha256(files.get(SHARD)));
    Files.createDirectories(blob.getParent());
    Files.write(blob, new byte[files.get(SHARD).length]);
    BasicFileAttributes now = Files.readAttributes(blob, BasicFileAttributes.class);
    Path lines =
        Files.writeString(
            output.resolve(".cache/.wanda-cuda-checked"),
            "%s %d %s %s\n"
                .formatted(blob.getFileName(), now.size(), now.lastModifiedTime(), now.fileKey()));
    download(into(output));
    Files.delete(lines);
    assertHas(output, files);
  }

  /** As a user without root's rights. */
  @Test
  @DisabledOnOs(OS.WINDOWS)
  void aSubfolderThatCannotBeWrittenIsToldBeforeFetching() throws IOException {
    List<String> mortal =
        "root".equals(System.getProperty("user.name"))
            ? List.of("setpriv", "--bounding-set=-dac_override,-dac_read_search")
            : List.of();
    assumeTrue(
        Command.of(mortal, "true").succeeds(), "skipped: root's rights stay without setpriv");
    files.put("sub/folder.json", bytes("{}"));
    hub.commit(COMMIT, files, "main");
    Path sub = Files.createDirectories(folder().resolve("output/sub"));
    Files.setPosixFilePermissions(sub, PosixFilePermissions.fromString("r-xr-xr-x"));
    Command.main(
            "--add-modules=jdk.incubator.vector",
            Main.class,
            "download",
            "org/name",
            "--output",
            sub.getParent(),
            "--include",
            "*",
            "--quiet")
        .under(mortal)
        .with(environment)
        .run()
        .isRefused(6, sub.resolve("folder.json").toString(), "the right to write");
    assertThat(hub.requests("resolve/")).isEmpty();
    Files.setPosixFilePermissions(sub, PosixFilePermissions.fromString("rwxr-xr-x"));
    assertThat(sub).isEmptyDirectory();
    files.remove("sub/folder.json");
    download(into(sub.getParent()));
    assertHas(sub.getParent(), files);
  }
}
