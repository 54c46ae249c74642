package io.github.wandacuda.calibration;

import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.system.Sha256;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;

/**
 * The sequences of token ids that a calibration runs over, all of one length.
 *
 * @param tokens the ids, at least one sequence of at least one; not to be changed
 * @param joined whether they were drawn from documents that were joined
 */
@SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared
public record CalibrationSamples(int[][] tokens, boolean joined) {
  /**
   * Takes a copy of sequences that a program gives.
   *
   * @param tokens at least one sequence, all of one length
   * @throws UsageException if there are none, or they don't fit each other or the model
   */
  public static CalibrationSamples of(List<int[]> tokens, int modelMaximum, int vocabularySize) {
    int length = tokens.isEmpty() ? 0 : tokens.get(0).length;
    if (length == 0) {
      throw new UsageException("samples: expected sequences of token ids, found none");
    }
    CalibrationRequest.requirePositions(length, modelMaximum);
    for (int index = 0; index < tokens.size(); index++) {
      int[] sample = tokens.get(index);
      if (sample.length != length) {
        throw new UsageException(
            "samples: expected sequences of one length, found %d tokens in the first and %d in"
                    .formatted(length, sample.length)
                + " number %d".formatted(index + 1));
      }
      for (int token : sample) {
        if (token < 0 || token >= vocabularySize) {
          throw new UsageException(
              "samples: expected token ids from 0 to %d, found %d in number %d"
                  .formatted(vocabularySize - 1, token, index + 1));
        }
      }
    }
    return new CalibrationSamples(tokens.stream().map(int[]::clone).toArray(int[][]::new), false);
  }

  public String sha256() {
    return digest(tokens);
  }

  /** Returns the SHA-256 in hexadecimal of all ids in order, each as four bytes, lowest first. */
  public static String digest(int[]... sequences) {
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
