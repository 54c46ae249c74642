package io.github.wandacuda.job;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Reason;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.system.Sha256;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;

/** The digest of files that a run reads. */
public final class FileDigest {
  private FileDigest() {}

  /**
   * Returns a SHA-256 in hexadecimal.
   *
   * @param what is expected in the files, for messages
   * @param files whose bytes are taken one after the other
   * @param more what else tells runs apart, taken after them
   * @throws InputException if a file can't be read
   */
  public static String sha256(String what, List<Path> files, String more) {
    MessageDigest digest = Sha256.digest();
    for (Path file : files) {
      add(digest, what, file);
    }
    digest.update(more.getBytes(StandardCharsets.UTF_8));
    return HexFormat.of().formatHex(digest.digest());
  }

  private static void add(MessageDigest digest, String what, Path file) {
    try (InputStream in = InputFile.stream(file)) {
      new DigestInputStream(in, digest).transferTo(OutputStream.nullOutputStream());
    } catch (IOException e) {
      throw new InputException(
          ErrorDetails.file(file).expected(what, "that they can't be read: " + Reason.of(e)), e);
    }
  }
}
