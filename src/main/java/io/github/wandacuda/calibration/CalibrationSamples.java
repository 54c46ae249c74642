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
 * @param tokens the ids [samples][sequence length], at least one sequence of at least one; not to
 *     be changed
 * @param joined whether they were drawn from documents that were joined
 */
@SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared
public record CalibrationSamples(int[][] tokens, boolean joined) {
  /**
   * Takes the sequences without a copy.
   *
   * @throws IllegalArgumentException if there are none, or they are empty or differ in length
   */
  public CalibrationSamples {
    if (tokens.length == 0 || tokens[0].length == 0) {
      throw new IllegalArgumentException("no samples, or empty ones");
    }
    for (int[] sample : tokens) {
      if (sample.length != tokens[0].length) {
        throw new IllegalArgumentException("samples of different lengths");
      }
    }
  }

  /**
   * Takes a copy of sequences that a program gives, and checks them.
   *
   * @param tokens at least one sequence, all of one length
   * @param modelMaximum the longest sequence that the model takes
   * @param vocabularySize the number of tokens that the model has embeddings for
   * @throws UsageException if there are none, they differ in length or are longer than the model
   *     takes, or an id is none of the model's
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

  /** Returns what tells these samples from others: the {@link #digest} of all sequences. */
  public String sha256() {
    return digest(tokens);
  }

  /**
   * Returns the SHA-256, in lower-case hexadecimal, of the ids of all sequences in order, each as
   * four bytes, the lowest first. Where one sequence ends and the next begins isn't part of it.
   */
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
