package io.github.wandacuda.model;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.BlockDescription.AttentionDescription;
import io.github.wandacuda.model.BlockDescription.DeltaNetDescription;
import io.github.wandacuda.model.BlockDescription.DenseMlp;
import io.github.wandacuda.model.BlockDescription.Experts;
import io.github.wandacuda.model.BlockDescription.LatentDescription;
import io.github.wandacuda.model.BlockDescription.MixerDescription;
import io.github.wandacuda.model.BlockDescription.MlpDescription;
import io.github.wandacuda.model.Workspace.Place;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** A branch beside the residual: attention or an MLP. */
abstract class Branch {
  final Operations operations;
  final Workspace workspace;

  /** Returns its own linear modules, in the order of their use. */
  final List<Linear> linears;

  /** Its linear modules but the last, which gives the branch's output. */
  final List<Linear> inputs;

  final List<String> inputModules;

  Branch(DecoderWeights weights, Stream<LinearDescription> own) {
    operations = weights.operations();
    workspace = weights.workspace();
    linears = own.map(linear -> new Linear(weights, linear)).toList();
    inputs = linears.subList(0, linears.size() - 1);
    inputModules = inputs.stream().map(Linear::module).toList();
  }

  /**
   * Runs the branch on whole sequences, or on the next tokens of one.
   *
   * @param input [tokens, hidden], sequences one below the other
   * @param span which tokens of the sequences {@code input} has
   * @param observer sees the linear modules' inputs
   * @param out [tokens, hidden], not {@code input}; or null to stop before the last linear module
   */
  abstract void run(Tensor input, Span span, InputObserver observer, Tensor out);

  Stream<Linear> linears() {
    return linears.stream();
  }

  /** Returns the linear module whose output is the branch's. */
  Linear output() {
    return linears().toList().getLast();
  }

  /** Returns what the branch computes, or nothing if it isn't one of the {@link HalfParts}. */
  Optional<HalfParts> parts() {
    return Optional.empty();
  }

  /**
   * Returns what the experts of a mixture compute, after the one that all tokens go to; nothing for
   * another branch, or if one of them isn't a dense MLP that reads the mixture's own input.
   */
  List<HalfParts.OfMlp> experts() {
    return List.of();
  }

  /** Returns the linear modules whose outputs are added up to the branch's. */
  List<Linear> outputs() {
    return List.of(output());
  }

  /**
   * Shows an observer the last linear module's input, and runs the module unless {@code out} is
   * null.
   */
  void end(Tensor input, InputObserver observer, Tensor out) {
    observer.input(List.of(linears.getLast().module()), input);
    if (out != null) {
      linears.getLast().apply(input, out);
    }
  }

  /** Loads what mixes a sequence's tokens, as a description says. */
  static Branch mixer(DecoderWeights weights, MixerDescription description) {
    return switch (description) {
      case AttentionDescription attention -> new Attention(weights, attention);
      case LatentDescription latent -> new LatentAttention(weights, latent);
      case DeltaNetDescription delta -> new DeltaNet(weights, delta);
    };
  }

  /** Loads the MLP that a description says. */
  static Branch mlp(DecoderWeights weights, MlpDescription description) {
    return description instanceof DenseMlp dense
        ? new LoadedMlp(weights, dense)
        : new Mixture(weights, (Experts) description);
  }

  /** An MLP as {@link DenseMlp} says, with its weights loaded. */
  private static final class LoadedMlp extends Branch {
    private final DenseMlp description;
    private final Elementwise between;

    LoadedMlp(DecoderWeights weights, DenseMlp description) {
      super(weights, description.linears());
      this.description = description;
      between = between(weights.tensors());
    }

    /**
     * Returns what is computed between the linear modules, with an xIELU's learned numbers read
     * from the checkpoint.
     */
    private Elementwise between(DecoderTensors tensors) {
      String learned = description.learned();
      if (learned == null) {
        return description.gated() && description.activation() instanceof Activation activation
            ? new Elementwise.Gate(activation)
            : description.activation();
      }
      float beta = tensors.number(learned + "beta", 0.5f);
      return new Elementwise.Xielu(
          softplus(tensors.number(learned + "alpha_p")),
          beta + softplus(tensors.number(learned + "alpha_n")),
          beta,
          tensors.number(learned + "eps", -1e-6f));
    }

    private static float softplus(float x) {
      return (float) (Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))));
    }

    @Override
    void run(Tensor input, Span span, InputObserver observer, Tensor out) {
      boolean gated = description.gated();
      int columns = linears.getLast().columns();
      Tensor wide = workspace.take(gated ? Place.GATE : Place.UP, input.rows(), columns);
      Tensor up = gated ? workspace.take(Place.UP, input.rows(), columns) : null;
      observer.input(inputModules, input);
      if (gated && inputs.size() == 1) {
        fused(input, wide, up);
      } else {
        inputs.get(0).apply(input, wide);
      }
      if (inputs.size() > 1) {
        inputs.get(1).apply(input, up);
      }
      operations.elementwise(between, wide, up, wide);
      end(wide, observer, out);
    }

    @Override
    Optional<HalfParts> parts() {
      List<HalfParts.Applied> applied = linears.stream().map(Linear::applied).toList();
      return Optional.of(
          new HalfParts.OfMlp(description.gated(), description.interleaved(), between, applied));
    }

    private void fused(Tensor input, Tensor gate, Tensor up) {
      Tensor both = workspace.take(Place.FUSED, input.rows(), inputs.get(0).rows());
      inputs.get(0).apply(input, both);
      int wide = gate.columns();
      boolean turns = description.interleaved();
      operations.gatherColumns(both, 0, turns ? 1 : wide, turns ? 2 : 0, gate);
      operations.gatherColumns(both, turns ? 1 : wide, turns ? 1 : wide, turns ? 2 : 0, up);
    }
  }
}
