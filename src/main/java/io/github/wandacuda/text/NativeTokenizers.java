package io.github.wandacuda.text;

import ai.djl.engine.EngineException;
import ai.djl.huggingface.tokenizers.jni.LibUtils;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.system.PrivateDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Loads DJL's native tokenizer library, without network or telemetry. */
final class NativeTokenizers {
  private static final String CACHE = "ENGINE_CACHE_DIR";
  private static final String OTHER_CACHE = "DJL_CACHE_DIR";

  private NativeTokenizers() {}

  /**
   * Loads the library unless this JVM already has it.
   *
   * <p>DJL unpacks it below the user's home, once for all processes, and loads what it finds there.
   * If that folder can't be written, or others could have put something there, DJL gets a private
   * folder in the temporary directory, which is deleted once the library is loaded. By itself DJL
   * would use a folder there that anybody may have made before.
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
    if (isGiven(CACHE) || isGiven(OTHER_CACHE)) {
      requirePrivate();
      check();
    } else if (homeIsUsable()) {
      check();
    } else {
      checkInPrivateDirectory();
    }
  }

  private static void requirePrivate() {
    Path folder = Path.of(isGiven(CACHE) ? given(CACHE) : given(OTHER_CACHE));
    try {
      if (!isOnlyMine(folder)) {
        throw new BackendUnavailableException(
            "%s: expected a folder that only you can write to, to load a library from"
                .formatted(folder));
      }
    } catch (IOException e) {
      throw unavailable(e);
    }
  }

  /**
   * Returns whether nobody else can have put a library into a cache; makes the cache if it is
   * missing.
   */
  private static boolean isOnlyMine(Path cache) throws IOException {
    Path libraries = Files.createDirectories(cache.resolve("tokenizers"));
    return Files.isWritable(libraries) && PrivateDirectory.isOnlyMine(libraries);
  }

  private static void checkInPrivateDirectory() {
    try (PrivateDirectory folder = PrivateDirectory.create("wanda-cuda-tokenizers")) {
      System.setProperty(CACHE, folder.path().toString());
      check();
    } catch (IOException e) {
      throw unavailable(e);
    } finally {
      System.clearProperty(CACHE);
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
    return !given(name).isEmpty();
  }

  private static String given(String name) {
    String variable = System.getenv(name);
    return variable != null && !variable.isEmpty() ? variable : System.getProperty(name, "");
  }

  private static boolean homeIsUsable() {
    Path home = Path.of(System.getProperty("user.home", ""));
    // DJL leaves the home alone unless it can write there, whatever is in it already.
    if (!home.isAbsolute() || !Files.isWritable(home)) {
      return false;
    }
    try {
      return isOnlyMine(home.resolve(".djl.ai"));
    } catch (IOException e) {
      return false;
    }
  }
}
