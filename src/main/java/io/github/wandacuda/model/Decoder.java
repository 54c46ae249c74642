package io.github.wandacuda.model;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.model.BlockDescription.Kept;
import io.github.wandacuda.model.Workspace.Place;
import io.github.wandacuda.system.OnFailure;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A decoder-only language model of any family, assembled as a description says. It runs block by
 * block, so that only one block's weights are in memory at a time. It may be on several devices
 * that compute the same bits, each with its own copy of a block: then {@link #block} and {@link
 * #readAhead} are for all of them, and the first one does everything else. Used from one thread.
 */
public final class Decoder implements AutoCloseable {
  /**
   * Rows of logits at a time. A row is as wide as the vocabulary, so those of a whole sequence
   * would take gigabytes.
   */
  public static final int LOGIT_ROWS = 128;

  private final DecoderDescription description;
  private final Operations operations;
  private final DecoderWeights weights;
  private final List<String> linearModules;

  /** The tables of all blocks' rotary embeddings. */
  private final List<PositionTable> rotations;

  private final Embedding embedding;
  private final List<Decoder> others = new ArrayList<>();
  private Workers loaders;
  private Head head;

  /** The next block's weights; null if none are read ahead. */
  private BlockAhead ahead;

  /**
   * Assembles a decoder.
   *
   * @param description its parts
   * @param model its weights are read while the decoder is open
   * @param operations run it
   * @param keeping whether blocks stay open and are run often, with few tokens at a time
   * @throws io.github.wandacuda.error.InputException if a tensor is missing or of the wrong shape
   */
  Decoder(
      DecoderDescription description,
      ModelDirectory model,
      Operations operations,
      WeightKeeping keeping) {
    this.description = description;
    this.operations = operations;
    weights = new DecoderWeights(DecoderTensors.of(model, description), operations, keeping);
    linearModules = description.linears().map(weights.tensors()::require).toList();
    description.blocks().flatMap(BlockDescription::norms).forEach(weights.tensors()::require);
    rotations =
        description
            .blocks()
            .map(block -> block.attention().rotary())
            .filter(Objects::nonNull)
            .map(Rotary::cosines)
            .distinct()
            .toList();
    embedding = new Embedding(weights, description.embedding(), description.shape().vocabulary());
  }

  /** Returns the number of decoder blocks. */
  public int blocks() {
    return description.shape().blocks();
  }

  /** Returns the full names of the linear modules whose inputs the blocks show to an observer. */
  public List<String> linearModules() {
    return linearModules;
  }

  /** Returns the operations that run it; the tensors that it takes and gives are theirs. */
  public Operations operations() {
    return operations;
  }

  /** Returns the width of the hidden states. */
  public int hiddenSize() {
    return description.shape().hiddenSize();
  }

  /** Returns how many tokens the model knows. */
  public int vocabulary() {
    return description.shape().vocabulary();
  }

  /** Returns how many tokens run through a block together, unless one sequence has more. */
  public int batchTokens() {
    return description.batchTokens();
  }

  /**
   * Computes the hidden states that the first block reads.
   *
   * @param tokens ids below the vocabulary, whole sequences one after the other
   * @param sequenceLength tokens of each sequence
   * @param hidden [tokens, hidden size]; takes the states
   */
  public void embed(int[] tokens, int sequenceLength, Tensor hidden) {
    embedding.embed(tokens, Span.whole(sequenceLength), hidden);
  }

  /**
   * Computes the hidden states of tokens that follow others of their sequence.
   *
   * @param tokens ids below the vocabulary
   * @param past how many tokens the sequence has before them
   * @param hidden [tokens, hidden size]; takes the states
   */
  public void embedNext(int[] tokens, int past, Tensor hidden) {
    int length = past + tokens.length;
    embedding.embed(tokens, new Span(length, past, length, null), hidden);
  }

  /**
   * Reserves memory for the keys and values, or states, that are kept of a sequence's tokens. The
   * caller closes it before the decoder.
   *
   * @param capacity tokens, 1 or more
   */
  public KeyValueCache cache(int capacity) {
    List<Kept> kept =
        description.blocks().flatMap(block -> block.attention().kept().stream()).toList();
    return new KeyValueCache(operations, kept, capacity);
  }

  /**
   * Returns whether sequences of two lengths have the same rotary embeddings, so that keys that
   * were kept for one are right for the other. They don't if the turns depend on the length.
   */
  public boolean rotatesAlike(int length, int other) {
    return rotations.stream().allMatch(table -> table.kind(length) == table.kind(other));
  }

  /**
   * Takes the same decoder on other devices, which are closed with this one.
   *
   * @param copies one for each of the other devices
   */
  public void add(List<Decoder> copies) {
    others.addAll(copies);
    loaders = new Workers(1 + others.size());
  }

  /**
   * Returns the decoder on each of its devices, this one first. They give the same bits, and each
   * may be used by a thread of its own.
   */
  public List<Decoder> copies() {
    return Stream.concat(Stream.of(this), others.stream()).toList();
  }

  /**
   * Loads a block on all devices; the caller closes it before it takes the next.
   *
   * @param index from 0
   */
  public Block block(int index) {
    if (others.isEmpty()) {
      return load(index);
    }
    Block[] blocks = new Block[1 + others.size()];
    OnFailure.run(
        () -> Stream.of(blocks).filter(Objects::nonNull).forEach(Block::close),
        () ->
            loaders.run(
                blocks.length, (worker, copy) -> blocks[copy] = copies().get(copy).load(index)));
    blocks[0].add(List.of(blocks).subList(1, blocks.length));
    return blocks[0];
  }

  private Block load(int index) {
    Objects.checkIndex(index, blocks());
    DecoderWeights own = weights.having(take(index));
    return OnFailure.close(
        own::close, () -> new Block(own, description.block().apply(index), index));
  }

  private BlockAhead.Arrival take(int index) {
    try (BlockAhead latest = ahead) {
      ahead = null;
      return latest != null && latest.index() == index
          ? latest.take()
          : new BlockAhead.Arrival(weights.arrival().memory().next());
    }
  }

  /**
   * Begins to read a block's weights in the background, so that {@link #block} takes less time if
   * this block is the next one that is asked for. They go to the device if it has memory of its own
   * with room for two blocks, else to host memory, 256 MiB at most.
   *
   * @param index its index; nothing is read if there is no such block
   */
  public void readAhead(int index) {
    dropAhead();
    if (index < blocks()) {
      ahead = new BlockAhead(weights, description.block().apply(index), index);
    }
    others.forEach(copy -> copy.readAhead(index));
  }

  private void dropAhead() {
    if (ahead != null) {
      ahead.close();
      ahead = null;
    }
  }

  /**
   * Scores the token that follows each of some hidden states.
   *
   * @param hidden [targets, hidden size] out of the last block
   * @param targets a token for each hidden state
   * @return the negative log-likelihood of each target, in nats
   */
  public double[] losses(Tensor hidden, int[] targets) {
    if (hidden.rows() != targets.length) {
      throw new IllegalArgumentException(
          "%d hidden states for %d targets".formatted(hidden.rows(), targets.length));
    }
    double[] losses = new double[targets.length];
    for (int from = 0; from < losses.length; from += LOGIT_ROWS) {
      int count = Math.min(LOGIT_ROWS, losses.length - from);
      Tensor scores = logits(hidden.rows(from, count));
      int[] some = Arrays.copyOfRange(targets, from, from + count);
      System.arraycopy(operations.crossEntropy(scores, some), 0, losses, from, count);
    }
    return losses;
  }

  /**
   * Returns the logits of some hidden states, valid until the next call.
   *
   * @param hidden [tokens, hidden size] out of the last block, at most {@link #LOGIT_ROWS} rows
   * @return [tokens, vocabulary]
   */
  public Tensor logits(Tensor hidden) {
    if (head == null) {
      weights.arrival().memory().trim();
      head = new Head(weights, description);
    }
    return head.logits(hidden);
  }

  @Override
  public void close() {
    if (loaders != null) {
      loaders.close();
    }
    others.forEach(Decoder::close);
    dropAhead();
    weights.close();
    weights.arrival().memory().trim();
  }

  /**
   * A decoder's head as a {@link HeadDescription} says, with its weights loaded and memory for
   * {@link #LOGIT_ROWS} rows of logits.
   */
  private static final class Head {
    private final Operations operations;
    private final HeadDescription description;
    private final Norm norm;
    private final Linear projection;
    private final Weight weight;
    private final Tensor bias;
    private final Tensor normed;
    private final Tensor projected;
    private final Tensor logits;

    Head(DecoderWeights weights, DecoderDescription decoder) {
      operations = weights.operations();
      description = decoder.head();
      int hidden = decoder.shape().hiddenSize();
      int vocabulary = decoder.shape().vocabulary();
      String name =
          Stream.of(description.weight(), "language_model." + description.weight())
              .filter(weights.tensors()::has)
              .findFirst()
              .orElseGet(() -> weights.tensors().fullName(decoder.embedding().table()));
      norm = Norm.orNull(weights, description.norm());
      projection = Linear.orNull(weights, description.projection());
      int width = projection == null ? hidden : projection.rows();
      weight = weights.matrix(name, vocabulary, width);
      bias = description.bias() == null ? null : weights.fullVector(description.bias(), vocabulary);
      normed = weights.tensor(LOGIT_ROWS, hidden);
      projected = projection == null ? null : weights.tensor(LOGIT_ROWS, width);
      logits = weights.tensor(LOGIT_ROWS, vocabulary);
    }

    /**
     * Returns the logits of at most {@link #LOGIT_ROWS} hidden states, valid until the next call.
     */
    Tensor logits(Tensor hidden) {
      Tensor states = hidden;
      if (norm != null) {
        states = normed.rows(0, hidden.rows());
        norm.apply(hidden, states);
      }
      if (projection != null) {
        Tensor narrow = projected.rows(0, hidden.rows());
        projection.apply(states, narrow);
        states = narrow;
      }
      Tensor scores = logits.rows(0, hidden.rows());
      operations.linear(states, weight, bias, scores);
      if (description.scale() != 1) {
        operations.elementwise(new Elementwise.Scale(description.scale()), scores, null, scores);
      }
      if (description.softcap() > 0) {
        operations.elementwise(
            new Elementwise.Softcap(description.softcap()), scores, null, scores);
      }
      return scores;
    }
  }

  /**
   * An embedding as an {@link EmbeddingDescription} says. Of its tables only the rows of the tokens
   * that are embedded are loaded.
   */
  private static final class Embedding {
    private final DecoderWeights weights;
    private final Operations operations;
    private final Workspace workspace;
    private final EmbeddingDescription description;
    private final int vocabulary;
    private final Linear projection;
    private final Norm norm;

    Embedding(DecoderWeights weights, EmbeddingDescription description, int vocabulary) {
      this.weights = weights;
      operations = weights.operations();
      workspace = weights.workspace();
      this.description = description;
      this.vocabulary = vocabulary;
      projection = Linear.orNull(weights, description.projection());
      norm = Norm.orNull(weights, description.norm());
    }

    /**
     * Embeds tokens.
     *
     * @param tokens ids below the vocabulary
     * @param span which positions of their sequences they have
     * @param hidden [tokens, hidden size]; takes the states
     * @throws InputException if a sequence is longer than there are positions
     */
    void embed(int[] tokens, Span span, Tensor hidden) {
      Tensor found =
          projection == null
              ? hidden
              : workspace.take(Place.NARROW, tokens.length, description.width());
      int[] each = IntStream.range(0, tokens.length).toArray();
      lookUp(description.table(), vocabulary, tokens, each, found);
      if (projection != null) {
        projection.apply(found, hidden);
      }
      if (description.scale() != 1) {
        operations.elementwise(new Elementwise.Scale(description.scale()), hidden, null, hidden);
      }
      if (description.positions() != null) {
        addPositions(description.positions(), span, hidden);
      }
      if (norm != null) {
        norm.apply(hidden, hidden);
      }
    }

    /**
     * Loads some rows of a table and copies them to a matrix.
     *
     * @param table the tensor's name
     * @param height rows of the table
     * @param rows the rows to load
     * @param places for each row of the result, the place in {@code rows} of the row that it gets
     */
    private void lookUp(String table, int height, int[] rows, int[] places, Tensor out) {
      try (Arena copy = Arena.ofShared();
          Weight some =
              operations.weight(weights.tensors().rows(table, height, out.columns(), rows, copy))) {
        operations.embed(some, places, out);
      }
    }

    private void addPositions(EmbeddingDescription.Positions positions, Span span, Tensor hidden) {
      if (span.length() > positions.count()) {
        throw ErrorDetails.of("the positions' embeddings")
            .tensor(weights.tensors().fullName(positions.table()))
            .hint("take a smaller `sequence-length`, or shorter lists of token ids")
            .wrong(
                "at most %d tokens, one a position".formatted(positions.count()),
                "a sequence of %d".formatted(span.length()));
      }
      Tensor added = workspace.take(Place.POSITIONS, hidden.rows(), hidden.columns());
      int[] rows =
          IntStream.range(span.past(), span.length())
              .map(row -> positions.offset() + row)
              .toArray();
      int height = positions.offset() + positions.count();
      int[] places =
          IntStream.range(0, hidden.rows()).map(token -> token % span.tokens()).toArray();
      lookUp(positions.table(), height, rows, places, added);
      operations.elementwise(new Elementwise.Add(), hidden, added, hidden);
    }
  }
}
