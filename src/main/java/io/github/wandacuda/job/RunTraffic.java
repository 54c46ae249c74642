package io.github.wandacuda.job;

import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.model.BlockDescription;
import io.github.wandacuda.model.BlockDescription.DenseMlp;
import io.github.wandacuda.model.BlockDescription.Experts;
import io.github.wandacuda.model.BlockDescription.MixerDescription;
import io.github.wandacuda.model.BlockDescription.MlpDescription;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.LinearDescription;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;

/**
 * The bytes that a calibrated run by Wanda moves over the bus to a GPU, by arithmetic alone: how
 * many it is that a driver counts, but for the embedding's rows, norms and numbers of rows, which
 * are few.
 *
 * @param weightsUp each block's weights, once
 * @param resultsDown masks, norms and reports
 * @param statesUp hidden states that the GPU has no room for, twice for each block: dense and
 *     pruned
 * @param statesDown those, once for each block
 */
public record RunTraffic(double weightsUp, double resultsDown, double statesUp, double statesDown) {
  private static final int NORM_BYTES = 8;
  private static final int REPORT_BYTES = 12;

  /** Plans a run; so many bytes of hidden states don't lie on the GPU. */
  static RunTraffic of(DecoderDescription model, double bytesPerWeight, double streamed) {
    TokenWork block =
        TokenWork.of(
            model.block().apply(0), model.shape().hiddenSize(), Precision.DEFAULT.passes());
    return of(model.shape().blocks(), block, bytesPerWeight, streamed);
  }

  static RunTraffic of(int blocks, TokenWork block, double bytesPerWeight, double streamed) {
    double weights = blocks * block.weights();
    return new RunTraffic(
        weights * bytesPerWeight,
        weights / Byte.SIZE + blocks * (block.squares() * NORM_BYTES + block.rows() * REPORT_BYTES),
        2 * streamed * blocks,
        streamed * blocks);
  }

  /** Returns the bytes that go to the GPU. */
  public double up() {
    return weightsUp + statesUp;
  }

  /** Returns the bytes that come from the GPU. */
  public double down() {
    return resultsDown + statesDown;
  }

  /**
   * What a block does for a token, counted by its description. Of a mixture a token has the mean of
   * its experts.
   *
   * @param productsToLastInput those of a pass that ends at the last linear module's input
   * @param floats floats that are read and written beside the products and attention
   * @param squares columns whose squares are summed
   * @param moments sums of products of two columns
   * @param gramProducts of all weights with the second moments of their inputs, whatever the tokens
   * @param cubes of the columns of each input, whatever the tokens
   */
  record TokenWork(
      double weights,
      double rows,
      double products,
      double productsToLastInput,
      double floats,
      double squares,
      double moments,
      double gramProducts,
      double cubes) {
    /** A linear module, and the share of tokens that pass it. */
    private record Part(LinearDescription linear, double share) {
      double products() {
        return share * linear.rows() * linear.columns();
      }
    }

    /** Counts; linear layers take so many halves of 16 bits of an activation. */
    static TokenWork of(BlockDescription block, int hidden, int halves) {
      List<Part> parts =
          Stream.concat(
                  block.attention().linears().map(linear -> new Part(linear, 1)),
                  parts(block.mlp(), 1))
              .toList();
      Part last = parts.getLast();
      double products = parts.stream().mapToDouble(Part::products).sum();
      MixerDescription attention = block.attention();
      double inputs = parts.stream().mapToDouble(part -> part.share * part.linear.columns()).sum();
      // The width between gate and down.
      double inner = sum(block.mlp(), false, dense -> dense.down().columns());
      double moments =
          sum(block.mlp(), false, dense -> squared(hidden) + squared(dense.down().columns()));
      double cubes = sum(block.mlp(), true, dense -> cubed(hidden) + cubed(dense.down().columns()));
      // A norm and a rotation are read and written; two values are read for a sum or a gate.
      double floats =
          (1 + halves / 2.0) * inputs
              + 2 * (attention.rotatedWidth() + norms(block) * hidden)
              + 2 * 3 * hidden
              + 2 * 2 * hidden
              + 3 * inner;
      return new TokenWork(
          block.linears().mapToDouble(linear -> (double) linear.rows() * linear.columns()).sum(),
          block.linears().mapToDouble(LinearDescription::rows).sum(),
          products,
          products - last.products(),
          floats,
          2.0 * hidden + attention.output().columns() + inner,
          (squared(hidden) + squared(attention.output().columns()) + moments) / 2,
          block.linears().mapToDouble(linear -> linear.rows() * squared(linear.columns())).sum(),
          cubed(hidden) + cubed(attention.output().columns()) + cubes);
    }

    private static double squared(double number) {
      return number * number;
    }

    private static double cubed(double number) {
      return number * number * number;
    }

    /** Returns a sum over all MLPs, or those that a token passes. */
    private static double sum(MlpDescription mlp, boolean all, ToDoubleFunction<DenseMlp> each) {
      return switch (mlp) {
        case DenseMlp dense -> each.applyAsDouble(dense);
        case Experts experts -> {
          double shared = experts.shared() == null ? 0 : sum(experts.shared().mlp(), all, each);
          int count = all ? experts.router().rows() : experts.rule().expertsPerToken();
          yield shared + count * sum(experts.expert().apply(0), all, each);
        }
      };
    }

    private static Stream<Part> parts(MlpDescription mlp, double share) {
      if (!(mlp instanceof Experts experts)) {
        return mlp.linears().map(linear -> new Part(linear, share));
      }
      double each = share * experts.rule().expertsPerToken() / experts.router().rows();
      Stream<Part> routed =
          Stream.concat(
              Stream.of(new Part(experts.router(), share)),
              experts.all().flatMap(expert -> parts(expert, each)));
      return experts.shared() == null
          ? routed
          : Stream.concat(routed, parts(experts.shared().mlp(), share));
    }

    private static long norms(BlockDescription block) {
      return Stream.of(block.attentionNorms(), block.mlpNorms())
          .flatMap(
              norms ->
                  Stream.of(norms.before() != null, norms.after() != null, norms.sum() != null))
          .filter(there -> there)
          .count();
    }
  }
}
