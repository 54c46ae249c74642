package io.github.wandacuda.hub;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.hub.HubListing.HubFile;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.Folders;
import io.github.wandacuda.io.ReservedFile;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The folder below which a download writes: a repository's in the cache, or the one that a user
 * names. Others may have put links, pipes or folders of the right names there before. None of them
 * is written through: a file of this program's own is a regular file with one name, and every
 * folder lies, links resolved, below the root.
 *
 * @param root the cache, or the user's folder
 * @param blobs where files arrive, by their hashes
 */
record DownloadFolder(Path root, Path blobs) {
  private static final String LOCK = ".wanda-cuda-lock";
  private static final String DATA = ".wanda-cuda";
  private static final String MARKS = ".wanda-cuda-pieces";
  private static final String CHECKED = ".wanda-cuda-checked";

  /** The names of files that only a download makes, or that have arrived. */
  private static final Pattern OWN =
      Pattern.compile(
          "([0-9a-f]{40}|[0-9a-f]{64})(%s|%s)?|%s"
              .formatted(Pattern.quote(DATA), Pattern.quote(MARKS), Pattern.quote(LOCK)));

  Path blob(HubFile file) {
    return blobs.resolve(file.hash());
  }

  /** Returns where a file's first bytes are until all have arrived. */
  Path data(HubFile file) {
    return blobs.resolve(file.hash() + DATA);
  }

  /** Returns the file in which an older version marked the pieces that had arrived. */
  Path marks(HubFile file) {
    return blobs.resolve(file.hash() + MARKS);
  }

  Path lock() {
    return blobs.resolve(LOCK);
  }

  /**
   * Returns the file that says which blobs' content was checked. It lies beside them: among them
   * Hugging Face's tools expect blobs alone.
   */
  Path checked() {
    return blobs.resolveSibling(CHECKED);
  }

  /**
   * Makes a folder and its missing parents.
   *
   * @throws OutputException if it lies elsewhere by a link, or can't be made
   */
  void create(Path folder) {
    OutputException.writing(
        folder,
        () -> {
          Folders.create(root);
          requireInside(folder);
          Folders.create(folder);
        });
  }

  /**
   * Checks the folders on the way to one that may not be there yet.
   *
   * @throws OutputException if one of them lies elsewhere by a link, or is none
   */
  void requireInside(Path folder) {
    Path at = root;
    for (Path part : root.relativize(folder)) {
      at = at.resolve(part);
      if (Files.exists(at, LinkOption.NOFOLLOW_LINKS) && !isInside(at)) {
        throw ErrorDetails.file(at)
            .hint("take it away")
            .unwritable("a folder in " + root, kind(at));
      }
    }
  }

  private boolean isInside(Path existing) {
    try {
      return Files.isDirectory(existing) && existing.toRealPath().startsWith(root.toRealPath());
    } catch (IOException e) {
      throw OutputException.unwritable(existing, e);
    }
  }

  /**
   * Opens a file of this program's own for reading and writing, and makes it if it isn't there.
   *
   * @throws OutputException if something else has its name: a link, a pipe, a file with a second
   *     name
   */
  static FileChannel open(Path file) {
    requireOwn(file);
    try {
      return FileChannel.open(
          file,
          Set.of(
              StandardOpenOption.CREATE,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              LinkOption.NOFOLLOW_LINKS),
          FileModes.ownerOnly());
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }

  /**
   * Checks that a name stands for nothing, or for what {@link #open} opens.
   *
   * @return whether there is a file
   */
  static boolean requireOwn(Path file) {
    if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    boolean alone = Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) && names(file) == 1;
    if (!alone) {
      throw ErrorDetails.file(file)
          .hint("take it away")
          .unwritable("a file that a download began", kind(file));
    }
    return true;
  }

  private static int names(Path file) {
    try {
      return (int) Files.getAttribute(file, "unix:nlink", LinkOption.NOFOLLOW_LINKS);
    } catch (UnsupportedOperationException | IllegalArgumentException e) {
      return 1; // This system doesn't say.
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }

  private static String kind(Path file) {
    if (Files.isSymbolicLink(file)) {
      return "a link";
    }
    if (Files.isDirectory(file)) {
      return "a folder elsewhere";
    }
    return Files.isRegularFile(file) ? "a file" : "a pipe or device";
  }

  /** Checks that each file can arrive and get its place in a folder, before any is fetched. */
  void requirePlaces(Path folder, List<HubFile> files) {
    for (HubFile file : files) {
      requirePlace(blob(file));
      requirePlace(folder.resolve(file.path()));
    }
  }

  /**
   * Checks that a file can be put somewhere: no folder has its name, and what is above it is a
   * folder inside the root or isn't there. Where the file is still to be made, its folder can be
   * written too.
   */
  void requirePlace(Path file) {
    if (Files.isDirectory(file, LinkOption.NOFOLLOW_LINKS)) {
      throw ErrorDetails.file(file).hint("take it away").unwritable("a file", "a folder");
    }
    requireInside(file.getParent());
    if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      ReservedFile.requireWritable(file);
    }
  }

  /**
   * Removes what a download leaves in a folder for its own work, and the folder if nothing else is
   * in it: whatever isn't by its exact name and kind a download's stays.
   */
  void removeOwn() throws IOException {
    boolean empty = true;
    try (Stream<Path> left = Files.list(blobs)) {
      for (Path file : left.toList()) {
        boolean own =
            OWN.matcher(file.getFileName().toString()).matches()
                && Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS);
        if (own) {
          Files.delete(file);
        }
        empty &= own;
      }
    }
    if (empty) {
      Files.delete(blobs);
    }
  }
}
