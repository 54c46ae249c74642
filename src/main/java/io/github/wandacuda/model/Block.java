package io.github.wandacuda.model;

import io.github.wandacuda.RowReader;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.model.BlockDescription.BranchNorms;
import io.github.wandacuda.model.Workspace.Place;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * One decoder block as a {@link BlockDescription} says, loaded on each of the decoder's devices and
 * ready to run.
 */
public final class Block implements AutoCloseable {
  /** The two steps of a block, in their order. */
  public enum Half {
    /** Attention, or another mixer of a sequence's tokens. */
    ATTENTION,
    MLP
  }

  private final DecoderWeights weights;
  private final int index;
  private final boolean parallel;
  private final Residual attention;
  private final Residual mlp;
  private final List<Block> others = new ArrayList<>();

  /**
   * Loads a block's weights to a device.
   *
   * @param weights reads them, and is closed with the block
   * @param description what the block is made of
   * @param index its number in the decoder, from 0
   */
  Block(DecoderWeights weights, BlockDescription description, int index) {
    this.index = index;
    this.weights = weights;
    weights.readAll(description.linears());
    parallel = description.parallel();
    attention =
        new Residual(
            weights,
            Branch.mixer(weights, description.attention()),
            Place.ATTENTION_BRANCH,
            description.attentionNorms());
    mlp =
        new Residual(
            weights,
            Branch.mlp(weights, description.mlp()),
            Place.MLP_BRANCH,
            description.mlpNorms());
  }

  /**
   * Runs the block.
   *
   * @param hidden [tokens, hidden size], whole sequences one below the other; replaced by the
   *     block's output
   * @param sequenceLength tokens of each sequence, of which {@code hidden} has a whole number
   * @param observer sees the linear modules' inputs
   */
  public void forward(Tensor hidden, int sequenceLength, InputObserver observer) {
    run(hidden, Span.whole(sequenceLength), observer);
  }

  /**
   * Runs the block on the tokens that follow those of a cache, and keeps their keys and values. A
   * token's output is the one that {@link #forward} gives it among the whole sequence; on the CPU
   * to the bit.
   *
   * @param hidden [tokens, hidden size]; replaced by the block's output
   * @param cache its capacity is enough; the caller counts the tokens after the last block
   */
  public void extend(Tensor hidden, KeyValueCache cache) {
    run(hidden, Span.next(hidden.rows(), cache, index), InputObserver.NONE);
  }

  /**
   * Runs a half of the block. In a block whose halves both read the block's input, the second half
   * runs the whole block, and the first one does nothing.
   *
   * @param half attention or the MLP
   * @param hidden [tokens, hidden size]; replaced by what the half makes of it
   * @param sequenceLength tokens of each sequence, of which {@code hidden} has a whole number
   * @param observer sees the linear modules' inputs
   */
  public void forward(Half half, Tensor hidden, int sequenceLength, InputObserver observer) {
    Span span = Span.whole(sequenceLength);
    if (!parallel) {
      residual(half).run(hidden, span, observer);
    } else if (half == Half.MLP) {
      run(hidden, span, observer);
    }
  }

  /**
   * Runs a half of the block only as far as its last linear modules' inputs.
   *
   * @param half attention or the MLP
   * @param hidden the half's input, [tokens, hidden size]; its content is undefined afterwards
   * @param sequenceLength tokens of each sequence, of which {@code hidden} has a whole number
   * @param observer is shown each linear module's input
   */
  public void observe(Half half, Tensor hidden, int sequenceLength, InputObserver observer) {
    residual(half).observe(hidden, Span.whole(sequenceLength), observer);
  }

  /**
   * Returns the full names of the linear modules whose outputs a half adds up: one, or those of a
   * mixture's experts, after that of the expert that all tokens go to.
   */
  public List<String> outputs(Half half) {
    return residual(half).branch.outputs().stream().map(Linear::module).toList();
  }

  /**
   * Returns what a half computes between its norm and the residual stream, or nothing if it isn't
   * one of the {@link HalfParts}, or isn't added to the residual stream by itself, with no norm
   * behind it.
   */
  public Optional<HalfParts> parts(Half half) {
    return parallel || !residual(half).isBare() ? Optional.empty() : residual(half).branch.parts();
  }

  /**
   * Returns what the experts of the block's mixture compute, after the one that all tokens go to;
   * nothing where {@link #parts} has something, or if the mixture's output isn't the sum of what
   * dense MLPs make of its input, or isn't added to the residual stream by itself.
   */
  public List<HalfParts.OfMlp> experts() {
    return parallel || !mlp.isBare() ? List.of() : mlp.branch.experts();
  }

  /** Returns the factor of what a half adds to the hidden states. */
  public float factor(Half half) {
    return residual(half).factor;
  }

  private Residual residual(Half half) {
    return half == Half.ATTENTION ? attention : mlp;
  }

  /** Runs both halves, or both branches side by side if the block is parallel. */
  private void run(Tensor hidden, Span span, InputObserver observer) {
    if (parallel) {
      Tensor attended = attention.branch(hidden, span, observer);
      Tensor transformed = mlp.branch(hidden, span, observer);
      attention.finish(attended, hidden);
      mlp.finish(transformed, hidden);
    } else {
      attention.run(hidden, span, observer);
      mlp.run(hidden, span, observer);
    }
  }

  /**
   * Runs the block only as far as its last linear module's input.
   *
   * @param hidden as in {@link #forward}; its content is undefined afterwards
   * @param sequenceLength tokens of each sequence, of which {@code hidden} has a whole number
   * @param observer is shown each linear module's input
   */
  public void observe(Tensor hidden, int sequenceLength, InputObserver observer) {
    Span span = Span.whole(sequenceLength);
    if (parallel) {
      attention.observe(hidden, span, observer);
    } else {
      attention.run(hidden, span, observer);
    }
    mlp.observe(hidden, span, observer);
  }

  /**
   * Takes the same block on other devices, which is closed with this one.
   *
   * @param copies one for each of the other devices, in the order of {@link Decoder#copies}
   */
  void add(List<Block> copies) {
    others.addAll(copies);
  }

  /** Returns the block on each device, in the order of {@link Decoder#copies}. */
  public List<Block> copies() {
    return Stream.concat(Stream.of(this), others.stream()).toList();
  }

  /** Returns the input features of each linear module, by its full name. */
  public Map<String, Integer> inputFeatures() {
    Map<String, Integer> features = new LinkedHashMap<>();
    linears().forEach(linear -> features.put(linear.module(), linear.columns()));
    return features;
  }

  private Stream<Linear> linears() {
    return Stream.concat(attention.branch.linears(), mlp.branch.linears());
  }

  /**
   * Returns a linear module's weight, which is the block's.
   *
   * @param module its full name
   */
  public Weight weight(String module) {
    return linear(module).weight();
  }

  /**
   * Returns the host memory that a linear module's weight is read from, laid out as in its file. It
   * may be changed between two runs if {@link #replace} is called afterwards.
   *
   * @param module its full name
   * @return nothing if the weight is elsewhere, or on several devices
   */
  public Optional<MemorySegment> bytes(String module) {
    return others.isEmpty() ? linear(module).bytes() : Optional.empty();
  }

  /**
   * Replaces a linear module's weight on all devices.
   *
   * @param module its full name
   * @param weight of the same shape; stays reachable and unchanged until the block is closed
   */
  public void replace(String module, RowReader weight) {
    copies().forEach(copy -> copy.linear(module).replace(weight));
  }

  private Linear linear(String module) {
    return linears()
        .filter(linear -> linear.module().equals(module))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no module " + module));
  }

  @Override
  public void close() {
    others.forEach(Block::close);
    weights.close();
  }

  /** A branch, the norms around it, and the sum with the residual stream. */
  private static final class Residual {
    private final Operations operations;
    private final Workspace workspace;
    private final Branch branch;
    private final Place output;
    private final Norm before;
    private final Norm after;
    private final Norm sum;
    private final boolean normedResidual;
    private final float factor;

    /**
     * Loads the norms around a branch.
     *
     * @param output the place of the branch's output before it is added
     */
    Residual(DecoderWeights weights, Branch branch, Place output, BranchNorms norms) {
      operations = weights.operations();
      workspace = weights.workspace();
      this.branch = branch;
      this.output = output;
      before = Norm.orNull(weights, norms.before());
      after = Norm.orNull(weights, norms.after());
      sum = Norm.orNull(weights, norms.sum());
      normedResidual = norms.normedResidual();
      factor = norms.factor();
    }

    /** Returns whether no norm is behind the branch, nor in the residual stream. */
    boolean isBare() {
      return after == null && sum == null && !normedResidual;
    }

    /** Runs the branch on {@code hidden} and adds its output to {@code hidden}. */
    void run(Tensor hidden, Span span, InputObserver observer) {
      if (normedResidual) {
        before.apply(hidden, hidden);
        Tensor out = workspace.take(output, hidden.rows(), hidden.columns());
        branch.run(hidden, span, observer, out);
        finish(out, hidden);
      } else {
        finish(branch(hidden, span, observer), hidden);
      }
    }

    /**
     * Runs the norm before the branch, and the branch.
     *
     * @return the branch's output, which {@link #finish} adds; valid until the branch runs again
     */
    Tensor branch(Tensor hidden, Span span, InputObserver observer) {
      Tensor out = workspace.take(output, hidden.rows(), hidden.columns());
      branch.run(input(hidden), span, observer, out);
      return out;
    }

    /**
     * Norms and scales a branch's output, adds it to the hidden states, and norms the sum, each if
     * the description says so.
     */
    void finish(Tensor out, Tensor hidden) {
      if (after != null) {
        after.apply(out, out);
      }
      if (factor != 1) {
        operations.elementwise(new Elementwise.Scale(factor), out, null, out);
      }
      operations.elementwise(new Elementwise.Add(), hidden, out, hidden);
      if (sum != null) {
        sum.apply(hidden, hidden);
      }
    }

    /** Runs the branch as far as its last linear module's input, which the observer sees. */
    void observe(Tensor hidden, Span span, InputObserver observer) {
      branch.run(input(hidden), span, observer, null);
    }

    private Tensor input(Tensor hidden) {
      if (before == null) {
        return hidden;
      }
      Tensor normed = workspace.take(Place.NORMED, hidden.rows(), hidden.columns());
      before.apply(hidden, normed);
      return normed;
    }
  }
}
