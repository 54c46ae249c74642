package io.github.wandacuda.hub;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.hub.HubListing.HubFile;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FilePieces;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.system.Sha256;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.function.LongConsumer;

/**
 * A file that arrives from its first byte to its last. Its length says how much of it is there, so
 * that another run goes on where this one broke. It is digested as it arrives, and gets its name
 * when the digest is right.
 */
final class PartialFile {
  private final HubFile file;
  private final Path data;
  private final long there;

  /**
   * Looks at what an earlier run left.
   *
   * @param folder in which the file arrives
   * @throws OutputException if something else has the name of a file that is to be written
   */
  PartialFile(HubFile file, DownloadFolder folder) {
    this.file = file;
    data = folder.data(file);
    try {
      there = begun(folder.marks(file));
    } catch (IOException e) {
      throw OutputException.unwritable(data, e);
    }
  }

  /**
   * Returns how many bytes are there.
   *
   * @param marks with which an older version marked pieces that had arrived in any order: the
   *     length says nothing then, so the file begins anew
   */
  private long begun(Path marks) throws IOException {
    boolean begun = DownloadFolder.requireOwn(data);
    if (DownloadFolder.requireOwn(marks)) {
      Files.deleteIfExists(data);
      Files.delete(marks);
      return 0;
    }
    long length = begun ? Files.size(data) : 0;
    return length > file.size() ? 0 : length;
  }

  private static MessageDigest digest(HubFile file) {
    if (file.hash().length() == 2 * Sha256.digest().getDigestLength()) {
      return Sha256.digest();
    }
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-1");
      digest.update("blob %d\0".formatted(file.size()).getBytes(StandardCharsets.US_ASCII));
      return digest;
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-1", e);
    }
  }

  /** Returns whether a file has the content that the Hub says. */
  static boolean isWhole(HubFile file, Path path) throws IOException {
    MessageDigest digest = digest(file);
    try (InputStream in = new DigestInputStream(InputFile.stream(path), digest)) {
      in.transferTo(OutputStream.nullOutputStream());
    }
    return HexFormat.of().formatHex(digest.digest()).equals(file.hash());
  }

  HubFile file() {
    return file;
  }

  /** Returns how many bytes are still to come. */
  long missing() {
    return file.size() - there;
  }

  /**
   * Fetches what is missing, and gives the file its name.
   *
   * @param arrived is told of bytes as they arrive
   * @throws InputException if its digest isn't what the Hub says: nothing is left of it then
   */
  void fetch(HubConnection hub, Path name, LongConsumer arrived) {
    MessageDigest digest = digest(file);
    OutputException.writing(data, () -> write(hub, digest, arrived));
    String found = HexFormat.of().formatHex(digest.digest());
    if (!found.equals(file.hash())) {
      OutputException.writing(data, () -> Files.deleteIfExists(data));
      throw ErrorDetails.of(file.path())
          .hint("run the same again: this file begins anew")
          .wrong("content whose digest is " + file.hash(), found);
    }
    OutputException.writing(name, () -> AtomicWrite.moveOver(data, name));
  }

  private void write(HubConnection hub, MessageDigest digest, LongConsumer arrived)
      throws IOException {
    try (FileChannel channel = DownloadFolder.open(data);
        OutputStream out = new DigestOutputStream(Channels.newOutputStream(channel), digest)) {
      channel.truncate(there);
      if (!FilePieces.forEach(channel, 0, there, digest::update)) {
        throw new IOException("it became shorter");
      }
      channel.position(there);
      if (missing() > 0) {
        hub.read(
            file.address(),
            there,
            file.size(),
            (bytes, count) -> {
              OutputException.writing(data, () -> out.write(bytes, 0, count));
              arrived.accept(count);
            });
      }
      channel.force(true);
    }
  }
}
