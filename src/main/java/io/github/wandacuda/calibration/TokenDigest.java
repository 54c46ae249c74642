package io.github.wandacuda.calibration;

import io.github.wandacuda.system.Sha256;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.util.HexFormat;

/** The digest of sequences of token ids. */
public final class TokenDigest {
  private TokenDigest() {}

  /**
   * Returns the SHA-256, in lower-case hexadecimal, of all token ids in order, each as four bytes,
   * the lowest first.
   */
  public static String sha256(int[]... sequences) {
    MessageDigest digest = Sha256.digest();
    for (int[] tokens : sequences) {
      ByteBuffer bytes =
          ByteBuffer.allocate(tokens.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
      bytes.asIntBuffer().put(tokens);
      digest.update(bytes.array());
    }
    return HexFormat.of().formatHex(digest.digest());
  }
}
