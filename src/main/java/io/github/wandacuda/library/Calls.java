package io.github.wandacuda.library;

import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.error.WandaException;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.function.Supplier;

/** Turns the errors of the program's jobs into those that the library's calls promise. */
final class Calls {
  /** The dependencies that a program may lack, by the beginnings of their classes' names. */
  private static final Map<String, String> DEPENDENCIES = new LinkedHashMap<>();

  static {
    DEPENDENCIES.put("com/fasterxml/jackson/", "com.fasterxml.jackson.core:jackson-databind");
    DEPENDENCIES.put("org/snakeyaml/", "org.snakeyaml:snakeyaml-engine");
    DEPENDENCIES.put("ai/djl/", "ai.djl.huggingface:tokenizers");
    DEPENDENCIES.put("dev/hardwood/", "dev.hardwood:hardwood-core");
    DEPENDENCIES.put("org/apache/parquet/", "org.apache.parquet:parquet-format-structures");
    DEPENDENCIES.put("org/apache/commons/compress/", "org.apache.commons:commons-compress");
  }

  private Calls() {}

  /**
   * Calls a job.
   *
   * @throws IllegalArgumentException if what is asked for contradicts itself or doesn't fit
   * @throws IllegalStateException if a device can't be used or fails, or a dependency is missing
   * @throws CancellationException if the thread was interrupted
   * @throws IOException if a file is wrong or can't be read or written
   */
  static <T> T of(Supplier<T> job) throws IOException {
    try {
      return job.get();
    } catch (UsageException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    } catch (BackendUnavailableException e) {
      throw new IllegalStateException(e.getMessage(), e);
    } catch (CancelledException e) {
      CancellationException cancelled = new CancellationException(e.getMessage());
      cancelled.initCause(e);
      throw cancelled;
    } catch (WandaException e) {
      throw new IOException(e.getMessage(), e);
    } catch (NoClassDefFoundError e) {
      throw missing(e);
    }
  }

  /** Returns what a word or number stands for; refuses others by an IllegalArgumentException. */
  static <T> T argument(Supplier<T> read) {
    try {
      return read.get();
    } catch (UsageException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  private static RuntimeException missing(NoClassDefFoundError error) {
    // A class that failed once while it was initialized names the missing one in its cause alone.
    for (Throwable cause = error; cause != null; cause = cause.getCause()) {
      String message = String.valueOf(cause.getMessage());
      for (Map.Entry<String, String> dependency : DEPENDENCIES.entrySet()) {
        if (message.contains(dependency.getKey())) {
          return new IllegalStateException(
              "a dependency is missing that this call needs: " + dependency.getValue(), error);
        }
      }
    }
    throw error;
  }
}
