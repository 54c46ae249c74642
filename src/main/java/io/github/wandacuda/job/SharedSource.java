package io.github.wandacuda.job;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.ModelDirectory;
import java.io.Serializable;
import java.nio.file.Path;

/**
 * A model that all machines of a cluster read.
 *
 * @param path its directory, the same path on all of them
 * @param sha256 the digest of the source where the run began
 */
record SharedSource(String path, String sha256) implements Serializable {
  /** Returns the source that this process has open. */
  public static SharedSource of(ModelDirectory model) {
    return new SharedSource(model.path().toAbsolutePath().toString(), SourceDigest.of(model));
  }

  /**
   * Opens it in another process.
   *
   * @throws InputException if there is none at its path, or another one than where the run began
   */
  public ModelDirectory open() {
    ModelDirectory directory = ModelDirectory.open(Path.of(path));
    try {
      String found = SourceDigest.of(directory);
      if (!found.equals(sha256)) {
        throw ErrorDetails.file(directory.path())
            .wrong("the same files on every machine, sha256 " + sha256, "others, sha256 " + found);
      }
      return directory;
    } catch (RuntimeException | Error e) {
      directory.close();
      throw e;
    }
  }
}
