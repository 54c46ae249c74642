package io.github.wandacuda.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.WandaException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/**
 * Downloads of one model from a hub on the loopback interface into a cache of their own. After each
 * test nothing outside of the model's folder in the cache has changed, and what has a name in it is
 * whole.
 */
abstract class Downloads {
  static final Duration SOON = Duration.ofSeconds(20);
  static final String TOKEN = "hf_thisIsNobodysToken";
  static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";
  static final String NEXT = "76543210fedcba9876543210fedcba9876543210";
  static final String SHARD = "model-00002-of-00002.safetensors";
  static final int ALWAYS = Integer.MAX_VALUE;
  static final int PIECE = 1 << 16;

  @TempDir Path root;
  LoopbackHub hub;

  /** How long is waited for a byte: longer than a busy machine takes. */
  Duration stall = SOON;

  Path cache;
  final Map<String, String> environment = new HashMap<>();

  /** What the hub has; a download without globs takes all of it. */
  final Map<String, byte[]> files = new LinkedHashMap<>();

  private Map<String, String> outside;

  @BeforeEach
  final void open() throws IOException {
    Random random = new Random(1);
    for (String text : List.of("config.json", "tokenizer.json", "a b#c?d%41+é.txt")) {
      files.put(text, ("{\"of\": \"" + text + "\"}").getBytes(StandardCharsets.UTF_8));
    }
    for (int shard = 1; shard <= 2; shard++) {
      byte[] bytes = new byte[3 * PIECE + 100 * shard];
      random.nextBytes(bytes);
      files.put("model-0000%d-of-00002.safetensors".formatted(shard), bytes);
    }
    files.put("LICENSE", new byte[0]);
    files.put("empty.safetensors", new byte[0]);
    hub = new LoopbackHub("models", "org/name");
    hub.commit(COMMIT, files, "main");
    cache = root.resolve("one/two/hub");
    for (String near : List.of("", "one", "one/two", "one/two/hub", "one/two/hub/models--org--x")) {
      Files.createDirectories(root.resolve(near));
      Files.writeString(root.resolve(near).resolve("config.json"), "not to be touched");
    }
    environment.put("HF_ENDPOINT", hub.endpoint());
    environment.put("HF_HUB_CACHE", cache.toString());
    environment.put("HF_TOKEN", TOKEN);
    outside = outside();
  }

  @AfterEach
  final void close() throws IOException {
    hub.close();
    assertThat(outside()).isEqualTo(outside);
    assertNamedFilesAreWhole();
  }

  /** Returns the model's folder in the cache. */
  Path folder() {
    return cache.resolve("models--org--name");
  }

  private Map<String, String> outside() throws IOException {
    Map<String, String> found = new TreeMap<>();
    try (Stream<Path> paths = Files.walk(root)) {
      for (Path path : paths.filter(each -> !each.startsWith(folder())).toList()) {
        boolean regular = Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS);
        found.put(root.relativize(path).toString(), regular ? Files.readString(path) : "");
      }
    }
    return found;
  }

  private void assertNamedFilesAreWhole() throws IOException {
    for (Path blob : children(folder().resolve("blobs"))) {
      String name = blob.getFileName().toString();
      if (name.matches("[0-9a-f]{40}|[0-9a-f]{64}")) {
        byte[] bytes = Files.readAllBytes(blob);
        assertThat(name.length() == 40 ? LoopbackHub.gitHash(bytes) : LoopbackHub.sha256(bytes))
            .isEqualTo(name);
      } else {
        assertThat(name).contains("wanda-cuda");
      }
    }
    for (Path link : children(folder().resolve("snapshots"))) {
      assertThat(link).isSymbolicLink();
      assertThat(Files.readSymbolicLink(link)).isRelative();
      assertThat(link.toRealPath().getParent()).isEqualTo(folder().toRealPath().resolve("blobs"));
    }
    for (Path reference : children(folder().resolve("refs"))) {
      assertThat(folder().resolve("snapshots").resolve(Files.readString(reference))).isDirectory();
    }
  }

  /** Returns all that is no folder. */
  static List<Path> children(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return List.of();
    }
    try (Stream<Path> paths = Files.walk(folder)) {
      return paths.filter(path -> !Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)).toList();
    }
  }

  Download.Result download() {
    return download(DownloadRequest.of("org/name"));
  }

  /** Downloads as a process of its own would. */
  Download.Result download(DownloadRequest request) {
    return assertTimeoutPreemptively(SOON, () -> run(request));
  }

  Download.Result run(DownloadRequest request) {
    return new Download(settings(Duration.ofMillis(1)), request).run(Progress.NONE);
  }

  HubSettings settings(Duration pause) {
    HubSettings usual = HubSettings.of(environment);
    return new HubSettings(
        usual.endpoint(), usual.token(), usual.cache(), usual.proxies(), stall, pause);
  }

  static DownloadRequest request(String revision, List<String> include, List<String> exclude) {
    return new DownloadRequest(false, "org/name", revision, include, exclude, Optional.empty());
  }

  /** Fails unless a folder has these files and no other. */
  static void assertHas(Path snapshot, Map<String, byte[]> expected) throws IOException {
    assertThat(children(snapshot).stream().map(path -> snapshot.relativize(path).toString()))
        .containsExactlyInAnyOrderElementsOf(expected.keySet());
    for (Map.Entry<String, byte[]> file : expected.entrySet()) {
      assertThat(
              Arrays.equals(Files.readAllBytes(snapshot.resolve(file.getKey())), file.getValue()))
          .as(file.getKey())
          .isTrue();
    }
  }

  /** Fails unless a download fails in one line that tells no secret. */
  void assertFails(Class<? extends WandaException> kind, String... said) {
    assertFails(this::download, kind, said);
  }

  static void assertFails(
      ThrowingCallable work, Class<? extends WandaException> kind, String... said) {
    assertThatThrownBy(work)
        .isExactlyInstanceOf(kind)
        .message()
        .matches("[^\\p{Cntrl}]{1,1000}")
        .doesNotContain(TOKEN)
        .satisfies(message -> List.of(said).forEach(word -> assertThat(message).contains(word)));
  }
}
