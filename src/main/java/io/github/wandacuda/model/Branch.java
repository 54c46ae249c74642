package io.github.wandacuda.model;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Routing;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.BlockDescription.AttentionDescription;
import io.github.wandacuda.model.BlockDescription.DeltaNetDescription;
import io.github.wandacuda.model.BlockDescription.DenseMlp;
import io.github.wandacuda.model.BlockDescription.Experts;
import io.github.wandacuda.model.BlockDescription.LatentDescription;
import io.github.wandacuda.model.BlockDescription.MixerDescription;
import io.github.wandacuda.model.BlockDescription.MlpDescription;
import io.github.wandacuda.model.Workspace.Place;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** A branch beside the residual: attention or an MLP. */
interface Branch extends AutoCloseable {
  /**
   * Runs the branch.
   *
   * @param input [tokens, hidden], sequences one below the other
   * @param span the sequences' tokens that it is
   * @param observer sees the linear modules' inputs
   * @param out [tokens, hidden], not {@code input}; or null to stop before the last linear module
   */
  void run(Tensor input, Span span, InputObserver observer, Tensor out);

  Stream<Linear> linears();

  @Override
  default void close() {
    linears().forEach(Linear::close);
  }

  /** Loads what mixes a sequence's tokens, as a description says. */
  static Branch mixer(
      DecoderWeights weights,
      Workspace workspace,
      PositionTensors positions,
      MixerDescription description,
      Arena arena) {
    return switch (description) {
      case AttentionDescription attention ->
          new Attention(weights, workspace, positions, attention, arena);
      case LatentDescription latent ->
          new LatentAttention(weights, workspace, positions, latent, arena);
      case DeltaNetDescription delta -> new DeltaNet(weights, workspace, delta, arena);
    };
  }

  /** Loads the MLP that a description says. */
  static Branch mlp(
      DecoderWeights weights, Workspace workspace, MlpDescription description, Arena arena) {
    return description instanceof DenseMlp dense
        ? new LoadedMlp(weights, workspace, dense, arena)
        : new LoadedExperts(weights, workspace, (Experts) description, arena);
  }

  /** An MLP as {@link DenseMlp} says, with its weights loaded. */
  final class LoadedMlp implements Branch {
    private final Operations operations;
    private final Workspace workspace;
    private final DenseMlp description;
    private final List<Linear> inputs;
    private final List<String> inputModules;
    private final Linear down;
    private final Elementwise between;

    LoadedMlp(DecoderWeights weights, Workspace workspace, DenseMlp description, Arena arena) {
      operations = weights.operations();
      this.workspace = workspace;
      this.description = description;
      inputs =
          description.inputs().stream().map(linear -> new Linear(weights, linear, arena)).toList();
      inputModules = inputs.stream().map(Linear::module).toList();
      down = new Linear(weights, description.down(), arena);
      between = between(weights.tensors());
    }

    /** Returns what stands between the linear modules, with its numbers read. */
    private Elementwise between(DecoderTensors tensors) {
      String learned = description.learned();
      if (learned == null) {
        Activation activation = description.activation();
        return description.gated() ? new Elementwise.Gate(activation) : activation;
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
    public void run(Tensor input, Span span, InputObserver observer, Tensor out) {
      boolean gated = description.gated();
      Tensor wide = workspace.take(gated ? Place.GATE : Place.UP, input.rows(), down.columns());
      Tensor up = gated ? workspace.take(Place.UP, input.rows(), down.columns()) : null;
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
      observer.input(List.of(down.module()), wide);
      if (out != null) {
        down.apply(wide, out);
      }
    }

    private void fused(Tensor input, Tensor gate, Tensor up) {
      Tensor both = workspace.take(Place.FUSED, input.rows(), inputs.get(0).rows());
      inputs.get(0).apply(input, both);
      operations.gatherColumns(both, 0, gate.columns(), 0, gate);
      operations.gatherColumns(both, gate.columns(), up.columns(), 0, up);
    }

    @Override
    public Stream<Linear> linears() {
      return Stream.concat(inputs.stream(), Stream.of(down));
    }
  }

  /**
   * A mixture as {@link Experts} says, with its weights loaded. An expert runs on the tokens that
   * the router sends to it, and not at all if there are none; an observer sees only these tokens as
   * the inputs of its modules.
   */
  final class LoadedExperts implements Branch {
    private final Operations operations;
    private final Workspace workspace;
    private final Experts description;
    private final Linear router;
    private final List<Branch> experts;
    private final Linear sharedGate;
    private final Branch shared;

    LoadedExperts(DecoderWeights weights, Workspace workspace, Experts description, Arena arena) {
      operations = weights.operations();
      this.workspace = workspace;
      this.description = description;
      router = new Linear(weights, description.router(), arena);
      experts =
          description.all().map(expert -> Branch.mlp(weights, workspace, expert, arena)).toList();
      BlockDescription.SharedExpert common = description.shared();
      sharedGate = common == null ? null : new Linear(weights, common.gate(), arena);
      shared = common == null ? null : Branch.mlp(weights, workspace, common.mlp(), arena);
    }

    @Override
    public void run(Tensor input, Span span, InputObserver observer, Tensor out) {
      Tensor logits = workspace.take(Place.ROUTER, input.rows(), experts.size());
      observer.input(List.of(router.module()), input);
      router.apply(input, logits);
      List<ExpertTokens> tokens =
          ExpertTokens.of(
              operations.route(logits, description.expertsPerToken(), description.renormalize()),
              experts.size());
      if (out != null) {
        operations.clear(out);
      }
      for (int expert = 0; expert < experts.size(); expert++) {
        if (tokens.get(expert).rows().length > 0) {
          run(experts.get(expert), tokens.get(expert), input, observer, out);
        }
      }
      if (shared != null) {
        runShared(input, observer, out);
      }
    }

    private void run(
        Branch expert, ExpertTokens tokens, Tensor input, InputObserver observer, Tensor out) {
      int count = tokens.rows().length;
      Tensor some = workspace.take(Place.EXPERT_INPUT, count, input.columns());
      operations.gatherRows(input, tokens.rows(), some);
      if (out == null) {
        expert.run(some, Span.whole(count), observer, null);
      } else {
        Tensor result = workspace.take(Place.EXPERT_OUTPUT, count, out.columns());
        expert.run(some, Span.whole(count), observer, result);
        operations.addRows(result, tokens.rows(), tokens.weights(), out);
      }
    }

    @Override
    public Stream<Linear> linears() {
      Stream<Linear> routed =
          Stream.concat(Stream.of(router), experts.stream().flatMap(Branch::linears));
      return shared == null
          ? routed
          : Stream.of(routed, Stream.of(sharedGate), shared.linears()).flatMap(all -> all);
    }

    /**
     * The tokens that were sent to one expert.
     *
     * @param rows their rows, in order
     * @param weights of the expert, one for each
     */
    @SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared.
    private record ExpertTokens(int[] rows, float[] weights) {

      /** Sorts a routing's tokens by expert. */
      static List<ExpertTokens> of(Routing routing, int experts) {
        int[] counts = new int[experts];
        for (int expert : routing.experts()) {
          counts[expert]++;
        }
        List<ExpertTokens> all = new ArrayList<>();
        for (int count : counts) {
          all.add(new ExpertTokens(new int[count], new float[count]));
        }
        int[] filled = new int[experts];
        for (int place = 0; place < routing.experts().length; place++) {
          int expert = routing.experts()[place];
          int at = filled[expert]++;
          all.get(expert).rows()[at] = place / routing.expertsPerToken();
          all.get(expert).weights()[at] = routing.weights()[place];
        }
        return all;
      }
    }

    /** Adds the shared expert's weighed output to {@code out}, unless that is null. */
    private void runShared(Tensor input, InputObserver observer, Tensor out) {
      observer.input(List.of(sharedGate.module()), input);
      if (out == null) {
        shared.run(input, Span.whole(input.rows()), observer, null);
        return;
      }
      float[] weights = sharedWeights(input);
      Tensor result = workspace.take(Place.EXPERT_OUTPUT, input.rows(), out.columns());
      shared.run(input, Span.whole(input.rows()), observer, result);
      operations.addRows(result, IntStream.range(0, input.rows()).toArray(), weights, out);
    }

    private float[] sharedWeights(Tensor input) {
      float[] weights = new float[input.rows()];
      Tensor logits = workspace.take(Place.ROUTER, input.rows(), 1);
      sharedGate.apply(input, logits);
      operations.download(logits, MemorySegment.ofArray(weights));
      for (int token = 0; token < weights.length; token++) {
        weights[token] = (float) (1 / (1 + StrictMath.exp(-weights[token])));
      }
      return weights;
    }
  }
}
