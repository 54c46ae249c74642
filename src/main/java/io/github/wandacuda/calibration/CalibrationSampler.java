package io.github.wandacuda.calibration;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.HeapBudget;
import io.github.wandacuda.text.TextFormat;
import io.github.wandacuda.text.TokenLists;
import io.github.wandacuda.text.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes calibration samples from a text, documents or token ids, as the file's name says. */
public record CalibrationSampler(CalibrationRequest request) {
  private static final Logger LOG = LoggerFactory.getLogger(CalibrationSampler.class);

  /**
   * Returns the samples that a request asks for.
   *
   * @param request says which file, how many samples and how they are drawn
   * @param tokenizer gives the model's tokenizer, which isn't closed here; only called if there is
   *     text
   * @throws InputException if the file can't be read, is malformed, holds too little, or has ids
   *     that the model doesn't know
   * @throws io.github.wandacuda.error.UsageException if the name's ending is that of no text, or
   *     the heap can't hold the samples
   */
  public static CalibrationSamples sample(
      CalibrationRequest request, Supplier<? extends Tokenizer> tokenizer) {
    CalibrationSampler sampler = new CalibrationSampler(request);
    List<int[]> samples =
        takesListsInOrder(request.file()) ? sampler.fromTokens() : sampler.fromText(tokenizer);
    return new CalibrationSamples(samples.toArray(int[][]::new), request.join().isPresent());
  }

  /**
   * Returns whether a file's samples are its lists in their order, so that no draw is needed.
   *
   * @throws io.github.wandacuda.error.UsageException if the name's ending is none of the known ones
   */
  public static boolean takesListsInOrder(Path file) {
    return TextFormat.of(file) == TextFormat.TOKENS;
  }

  private List<int[]> fromText(Supplier<? extends Tokenizer> tokenizers) {
    HeapBudget.requireSamples(request.samplesToDraw(), request.lengthToDraw());
    boolean join = request.join().isPresent();
    try (TextFile in = TextFile.open(request.file(), Integer.MAX_VALUE, join)) {
      Tokenizer tokenizer = tokenizers.get();
      if (join) {
        return fromStream(joined(in, tokenizer), tokenizer);
      }
      return in.isWhole()
          ? fromStream(tokenizer.encode(in.text(0)), tokenizer)
          : fromDocuments(in, tokenizer);
    }
  }

  /** Returns the tokens of all documents, with the end token after each but the last. */
  private int[] joined(TextFile documents, Tokenizer tokenizer) {
    int end = request.join().orElseThrow().applyAsInt(tokenizer);
    int[] stream = new int[1 << 16];
    int size = 0;
    for (int document = 0; document < documents.count(); document++) {
      int[] tokens = tokenizer.encode(documents.text(document));
      long needed = (long) size + tokens.length + 1;
      if (needed > stream.length) {
        HeapBudget.require(
            ErrorDetails.part(request.file(), "the tokens of its documents"),
            needed * Integer.BYTES,
            HeapBudget.OF_IDS);
        stream =
            Arrays.copyOf(stream, Math.toIntExact(Math.min(2 * needed, Integer.MAX_VALUE - 8)));
      }
      if (size > 0 && stream[size - 1] != end) {
        stream[size++] = end;
      }
      System.arraycopy(tokens, 0, stream, size, tokens.length);
      size += tokens.length;
    }
    return Arrays.copyOf(stream, size);
  }

  private List<int[]> fromStream(int[] tokens, Tokenizer tokenizer) {
    int length = request.lengthToDraw();
    if (tokens.length <= length) {
      throw ErrorDetails.file(request.file())
          .hint("take a longer text, or a smaller `sequence-length`")
          .wrong("a text of more than %d tokens, one sample".formatted(length), tokens.length);
    }
    TokenLists.requireKnown(request.vocabularySize(), tokens, origin(tokenizer));
    PythonRandom random = new PythonRandom(request.seed());
    List<int[]> samples = new ArrayList<>();
    for (int i = 0; i < request.samplesToDraw(); i++) {
      int start = random.randInt(tokens.length - length - 1);
      samples.add(Arrays.copyOfRange(tokens, start, start + length));
    }
    return samples;
  }

  private List<int[]> fromDocuments(TextFile documents, Tokenizer tokenizer) {
    DocumentDraw draw =
        new DocumentDraw(
            request.file(),
            documents.count(),
            request.lengthToDraw(),
            request.seed(),
            document -> tokenizer.encode(documents.text(document)));
    List<int[]> samples = new ArrayList<>();
    for (int i = 0; i < request.samplesToDraw(); i++) {
      int[] sample = draw.next();
      TokenLists.requireKnown(request.vocabularySize(), sample, origin(tokenizer));
      samples.add(sample);
    }
    LOG.debug(
        "{}: {} draws from {} documents gave {} samples",
        request.file(),
        draw.drawn(),
        documents.count(),
        samples.size());
    return samples;
  }

  private List<int[]> fromTokens() {
    int limit = request.samples().orElse(Integer.MAX_VALUE);
    List<int[]> lists = TokenLists.read(request.file(), limit);
    if (lists.isEmpty() || (request.samples().isPresent() && lists.size() < limit)) {
      throw ErrorDetails.file(request.file())
          .hint("add lists, or leave `samples` out to take all that there are")
          .wrong("%d lists of token ids".formatted(request.samples().orElse(1)), lists.size());
    }
    int maximum = request.sequenceLength().orElse(Integer.MAX_VALUE);
    lists.replaceAll(ids -> ids.length > maximum ? Arrays.copyOf(ids, maximum) : ids);
    requireEqualLengths(lists);
    if (lists.getFirst().length > request.modelMaximum()) {
      throw ErrorDetails.part(request.file(), "list 1")
          .wrong(
              "at most %d token ids, the positions that the model has"
                  .formatted(request.modelMaximum()),
              lists.getFirst().length);
    }
    lists.forEach(
        ids ->
            TokenLists.requireKnown(
                request.vocabularySize(), ids, ErrorDetails.file(request.file())));
    return lists;
  }

  private void requireEqualLengths(List<int[]> lists) {
    int length = lists.getFirst().length;
    for (int i = 0; i < lists.size(); i++) {
      int[] ids = lists.get(i);
      if (ids.length == 0) {
        throw ErrorDetails.part(request.file(), "list %d".formatted(i + 1))
            .wrong("token ids", "none");
      }
      if (ids.length != length) {
        throw ErrorDetails.file(request.file())
            .hint("cut them to one length with `sequence-length`")
            .wrong(
                "lists of one length",
                "%d token ids in list 1 and %d in list %d".formatted(length, ids.length, i + 1));
      }
    }
  }

  private ErrorDetails origin(Tokenizer tokenizer) {
    return ErrorDetails.part(request.file(), "tokenized by " + tokenizer.source());
  }

  /**
   * The draw of samples from documents as the Wanda code does it ({@code get_c4} in its {@code
   * lib/data.py}): a document at random until one has more tokens than a sample, then an offset at
   * random. It depends only on the number of tokens of each document.
   */
  static final class DocumentDraw {
    private final Path file;
    private final int documents;
    private final int sequenceLength;
    private final IntFunction<int[]> tokens;
    private final PythonRandom random;
    private final BitSet tooShort = new BitSet();
    private int longest;
    private long drawn;

    /**
     * Prepares the draw.
     *
     * @param file where the documents come from, for the message of a failure
     * @param documents how many there are
     * @param sequenceLength the tokens of a sample
     * @param seed the argument of Python's {@code random.seed}
     * @param tokens gives the tokens of a document; called again each time a document is drawn,
     *     unless it was found to be too short
     * @throws InputException if there are no documents
     */
    DocumentDraw(
        Path file, int documents, int sequenceLength, long seed, IntFunction<int[]> tokens) {
      if (documents == 0) {
        throw ErrorDetails.file(file)
            .hint("each line is an object such as {\"text\": \"...\"}")
            .wrong("documents", "none");
      }
      this.file = file;
      this.documents = documents;
      this.sequenceLength = sequenceLength;
      this.tokens = tokens;
      this.random = new PythonRandom(seed);
    }

    /**
     * Draws documents until one has more tokens than a sample, and returns a part of it.
     *
     * @throws InputException if no document has more tokens than a sample
     */
    int[] next() {
      while (tooShort.cardinality() < documents) {
        int document = random.randInt(documents - 1);
        drawn++;
        if (tooShort.get(document)) {
          continue;
        }
        int[] found = tokens.apply(document);
        if (found.length > sequenceLength) {
          int start = random.randInt(found.length - sequenceLength - 1);
          return Arrays.copyOfRange(found, start, start + sequenceLength);
        }
        tooShort.set(document);
        longest = Math.max(longest, found.length);
      }
      throw ErrorDetails.file(file)
          .hint(
              "`join` joins them, or take a smaller `sequence-length`, or a text with longer"
                  + " documents")
          .wrong(
              "a document of more than %d tokens".formatted(sequenceLength),
              "%d documents of at most %d".formatted(documents, longest));
    }

    /** Returns how many documents were drawn so far, including those that were too short. */
    long drawn() {
      return drawn;
    }
  }
}
