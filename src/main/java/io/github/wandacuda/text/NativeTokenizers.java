package io.github.wandacuda.text;

import ai.djl.engine.EngineException;
import ai.djl.huggingface.tokenizers.jni.LibUtils;
import io.github.wandacuda.error.BackendUnavailableException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** Loads DJL's native tokenizer library, without network or telemetry. */
final class NativeTokenizers {
  private static final String CACHE = "ENGINE_CACHE_DIR";

  private NativeTokenizers() {}

  /**
   * Loads the library unless this JVM already has it.
   *
   * <p>DJL unpacks it below the user's home, once for all processes. Where that cannot be written,
   * DJL would take a folder of the shared temporary directory that anybody may have made before,
   * and load what lies in it; so it gets a private one there, which goes once the library is
   * loaded.
   *
   * @throws BackendUnavailableException if there is no library for this platform, or it can't be
   *     unpacked or loaded
   */
  static synchronized void load() {
    if (!isGiven("DJL_OFFLINE")) {
      setUnlessGiven("ai.djl.offline", "true");
    }
    setUnlessGiven("OPT_OUT_TRACKING", "true");
    setUnlessGiven("RUST_FLAVOR", "cpu");
    if (isGiven(CACHE) || isGiven("DJL_CACHE_DIR") || homeIsUsable()) {
      check();
      return;
    }
    Path folder = privateFolder();
    try {
      System.setProperty(CACHE, folder.toString());
      check();
    } finally {
      System.clearProperty(CACHE);
      delete(folder);
    }
  }

  private static void check() {
    try {
      LibUtils.checkStatus();
    } catch (EngineException | LinkageError e) {
      throw unavailable(e);
    }
  }

  private static BackendUnavailableException unavailable(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return new BackendUnavailableException(
        "the tokenizer library for %s %s cannot be unpacked or loaded: %s"
            .formatted(
                System.getProperty("os.name"),
                System.getProperty("os.arch"),
                InputFailures.firstLine(root)),
        failure);
  }

  private static void setUnlessGiven(String name, String value) {
    if (!isGiven(name)) {
      System.setProperty(name, value);
    }
  }

  private static boolean isGiven(String name) {
    String variable = System.getenv(name);
    return (variable != null && !variable.isEmpty()) || !System.getProperty(name, "").isEmpty();
  }

  private static boolean homeIsUsable() {
    Path home = Path.of(System.getProperty("user.home", ""));
    // DJL leaves the home alone unless it can write there, whatever is in it already.
    if (!home.isAbsolute() || !Files.isWritable(home)) {
      return false;
    }
    try {
      return Files.isWritable(Files.createDirectories(home.resolve(".djl.ai/tokenizers")));
    } catch (IOException e) {
      return false;
    }
  }

  private static Path privateFolder() {
    try {
      return Files.createTempDirectory("wanda-cuda-tokenizers");
    } catch (IOException e) {
      throw unavailable(e);
    }
  }

  /** Deletes what it can: Windows keeps a library that is loaded. */
  private static void delete(Path folder) {
    try (Stream<Path> walk = Files.walk(folder)) {
      List<Path> deepestFirst = walk.sorted(Comparator.reverseOrder()).toList();
      for (Path path : deepestFirst) {
        Files.deleteIfExists(path);
      }
    } catch (IOException e) {
      folder.toFile().deleteOnExit();
    }
  }
}
