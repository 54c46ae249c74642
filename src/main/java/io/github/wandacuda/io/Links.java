package io.github.wandacuda.io;

import io.github.wandacuda.error.Printable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Says where the links of a model directory may lead: to files inside of it, and into a Hugging
 * Face cache, whose snapshots are folders of links to {@code ../../blobs}. By any other link the
 * author of a model directory could have a run copy the user's private files into its output.
 */
public final class Links {
  private Links() {}

  /**
   * Checks that a file of a model directory really lies where links may lead. A missing file
   * passes.
   *
   * @throws io.github.wandacuda.error.InputException if it lies elsewhere
   */
  public static void requireInside(Path directory, Path file) {
    try {
      if (!Files.exists(file)) {
        return;
      }
      if (!isInside(directory, file)) {
        throw Malformed.file(
            file,
            "a file inside the model's directory or a Hugging Face cache",
            "a link to " + Printable.of(file.toRealPath()));
      }
    } catch (IOException e) {
      throw Malformed.unreadable(file, "a file of the model", e);
    }
  }

  /** Returns whether a file or folder of a model directory really lies where links may lead. */
  static boolean isInside(Path directory, Path file) throws IOException {
    Path real = file.toRealPath();
    Path home = directory.toRealPath();
    return real.startsWith(home) || isBlobOf(real, home) || isCached(real);
  }

  /**
   * Returns whether {@code home} is {@code X/snapshots/revision} and the file {@code X/blobs/…}.
   */
  private static boolean isBlobOf(Path real, Path home) {
    Path snapshots = home.getParent();
    return snapshots != null
        && snapshots.endsWith("snapshots")
        && snapshots.getParent() != null
        && real.startsWith(snapshots.resolveSibling("blobs"));
  }

  /** Returns whether the file is {@code …/models--owner--name/blobs/digest} of some cache. */
  private static boolean isCached(Path real) {
    Path blobs = real.getParent();
    return blobs != null
        && blobs.endsWith("blobs")
        && blobs.getParent() != null
        && blobs.getParent().getFileName() != null
        && blobs.getParent().getFileName().toString().startsWith("models--");
  }
}
