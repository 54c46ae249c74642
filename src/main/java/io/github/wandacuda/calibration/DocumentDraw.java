package io.github.wandacuda.calibration;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.IntUnaryOperator;

/**
 * The draw of samples from documents as the Wanda code does it ({@code get_c4} in its {@code
 * lib/data.py}): a document at random until one has more tokens than a sample, then an offset at
 * random. It depends only on the number of tokens of each document.
 */
final class DocumentDraw {
  private static final int NOT_COUNTED = -1;

  private final Path file;
  private final int sequenceLength;
  private final IntUnaryOperator tokenCount;
  private final PythonRandom random;
  private final int[] counts;
  private int tooShort;
  private int longest;
  private long drawn;

  /**
   * Where a sample starts.
   *
   * @param offset index of the sample's first token in it
   */
  record Pick(int document, int offset) {}

  /**
   * Prepares the draw.
   *
   * @param file where the documents come from, for the message of a failure
   * @param seed the argument of Python's {@code random.seed}
   * @param tokenCount gives the number of tokens of a document; called once for each document drawn
   */
  DocumentDraw(
      Path file, int documents, int sequenceLength, long seed, IntUnaryOperator tokenCount) {
    if (documents == 0) {
      throw ErrorDetails.file(file)
          .hint("each line is an object such as {\"text\": \"...\"}")
          .wrong("documents", "none");
    }
    this.file = file;
    this.sequenceLength = sequenceLength;
    this.tokenCount = tokenCount;
    this.random = new PythonRandom(seed);
    this.counts = new int[documents];
    Arrays.fill(counts, NOT_COUNTED);
  }

  /**
   * Returns the next pick.
   *
   * @throws InputException if no document has more tokens than a sample
   */
  Pick next() {
    while (true) {
      int document = (int) random.randInt(0, counts.length - 1);
      drawn++;
      int tokens = count(document);
      if (tokens > sequenceLength) {
        return new Pick(document, (int) random.randInt(0, tokens - sequenceLength - 1));
      }
      if (tooShort == counts.length) {
        throw ErrorDetails.file(file)
            .hint(
                "`join` joins them, or take a smaller `sequence-length`, or a text with longer"
                    + " documents")
            .wrong(
                "a document of more than %d tokens".formatted(sequenceLength),
                "%d documents of at most %d".formatted(counts.length, longest));
      }
    }
  }

  /** Returns how many documents were drawn so far, including those that were too short. */
  long drawn() {
    return drawn;
  }

  private int count(int document) {
    if (counts[document] == NOT_COUNTED) {
      int tokens = tokenCount.applyAsInt(document);
      counts[document] = tokens;
      longest = Math.max(longest, tokens);
      tooShort += tokens > sequenceLength ? 0 : 1;
    }
    return counts[document];
  }
}
