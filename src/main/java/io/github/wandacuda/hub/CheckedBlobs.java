package io.github.wandacuda.hub;

import io.github.wandacuda.hub.HubListing.HubFile;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.InputFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * Which blobs of a folder have the content that their names say: each is read and digested once,
 * and known again by its size, the time of its last change and its inode. A file in the cache keeps
 * that, with a line for each blob. A user's folder has no such file, since no blob stays in it.
 */
final class CheckedBlobs {
  /** More than the lines of any repository's files. */
  private static final int MOST_BYTES = 16 << 20;

  private final DownloadFolder folder;
  private final boolean kept;
  private final Set<String> lines = new TreeSet<>();

  /**
   * Reads what earlier downloads kept.
   *
   * @param kept whether a file keeps the lines, which is so in the cache
   */
  CheckedBlobs(DownloadFolder folder, boolean kept) {
    this.folder = folder;
    this.kept = kept;
    if (kept && DownloadFolder.requireOwn(folder.checked())) {
      InputFile.beginning(folder.checked(), MOST_BYTES).lines().forEach(lines::add);
    }
  }

  /** Returns whether a blob is there and was checked since it last changed. */
  boolean has(HubFile file) throws IOException {
    return line(file).filter(lines::contains).isPresent();
  }

  /** Notes that a blob has the content that its name says. */
  synchronized void add(HubFile file) throws IOException {
    lines.removeIf(line -> line.startsWith(file.hash() + " "));
    line(file).ifPresent(lines::add);
  }

  /** Returns a blob's line as it is now, or nothing if there is no such file. */
  private Optional<String> line(HubFile file) throws IOException {
    Path blob = folder.blob(file);
    if (!Files.isRegularFile(blob, LinkOption.NOFOLLOW_LINKS)) {
      return Optional.empty();
    }
    BasicFileAttributes now =
        Files.readAttributes(blob, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    return Optional.of(
        "%s %d %s %s".formatted(file.hash(), now.size(), now.lastModifiedTime(), now.fileKey()));
  }

  /** Keeps the lines for later downloads, if a file is to keep them. */
  void write() {
    if (!kept) {
      return;
    }
    byte[] text = (String.join("\n", lines) + "\n").getBytes(StandardCharsets.UTF_8);
    AtomicWrite.replace(folder.checked(), out -> out.write(text), FileModes.ownerOnly());
  }
}
