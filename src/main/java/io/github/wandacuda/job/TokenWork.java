package io.github.wandacuda.job;

import io.github.wandacuda.model.AttentionDescription;
import io.github.wandacuda.model.BlockDescription;
import io.github.wandacuda.model.LinearDescription;
import io.github.wandacuda.model.MlpDescription;
import io.github.wandacuda.model.ProjectionDescription;
import java.util.List;
import java.util.stream.Stream;

/**
 * What a block does for a token, counted by its description. Of a mixture a token has the mean of
 * its experts.
 *
 * @param weights weights of the block
 * @param rows rows of all its linear modules
 * @param products multiplications by weights
 * @param productsToLastInput those of a pass that ends at the last linear module's input
 * @param floats floats that are read and written beside the products and attention
 * @param squares columns whose squares are summed
 */
record TokenWork(
    double weights,
    double rows,
    double products,
    double productsToLastInput,
    double floats,
    double squares) {

  /** A linear module, and the share of tokens that pass it. */
  private record Part(LinearDescription linear, double share) {
    double products() {
      return share * linear.rows() * linear.columns();
    }
  }

  /**
   * Counts.
   *
   * @param halves how many of 16 bits linear layers take of an activation
   */
  static TokenWork of(BlockDescription block, int hidden, int halves) {
    List<Part> parts = Stream.concat(attention(block.attention()), parts(block.mlp(), 1)).toList();
    Part last = parts.getLast();
    double products = parts.stream().mapToDouble(Part::products).sum();
    AttentionDescription attention = block.attention();
    double turned =
        attention.rotary() == null
            ? 0
            : attention.heads().queryWidth() + attention.heads().keyValueWidth();
    double inputs = parts.stream().mapToDouble(part -> part.share * part.linear.columns()).sum();
    double inner = inner(block.mlp(), 1);
    // A norm and a rotation are read and written; two values are read for a sum or a gate.
    double floats =
        (1 + halves / 2.0) * inputs
            + 2 * (turned + norms(block) * hidden)
            + 2 * 3 * hidden
            + 2 * 2 * hidden
            + 3 * inner;
    return new TokenWork(
        block.linears().mapToDouble(linear -> (double) linear.rows() * linear.columns()).sum(),
        block.linears().mapToDouble(LinearDescription::rows).sum(),
        products,
        products - last.products(),
        floats,
        2.0 * hidden + attention.output().columns() + inner);
  }

  private static Stream<Part> attention(AttentionDescription attention) {
    Stream<LinearDescription> projections =
        attention.projection() instanceof ProjectionDescription.Separate separate
            ? Stream.of(separate.query(), separate.key(), separate.value())
            : Stream.of(((ProjectionDescription.Fused) attention.projection()).linear());
    return Stream.concat(projections, Stream.of(attention.output()))
        .map(linear -> new Part(linear, 1));
  }

  private static Stream<Part> parts(MlpDescription mlp, double share) {
    return switch (mlp) {
      case MlpDescription.Plain plain ->
          Stream.of(new Part(plain.up(), share), new Part(plain.down(), share));
      case MlpDescription.Gated gated ->
          Stream.of(
              new Part(gated.gate(), share),
              new Part(gated.up(), share),
              new Part(gated.down(), share));
      case MlpDescription.FusedGated fused ->
          Stream.of(new Part(fused.gateUp(), share), new Part(fused.down(), share));
      case MlpDescription.Experts experts -> {
        double each = share * experts.expertsPerToken() / experts.router().rows();
        Stream<Part> routed =
            Stream.concat(
                Stream.of(new Part(experts.router(), share)),
                experts.all().flatMap(expert -> parts(expert, each)));
        yield experts.shared() == null
            ? routed
            : Stream.concat(routed, parts(experts.shared().mlp(), share));
      }
    };
  }

  /** Returns the width between gate and down, for each token. */
  private static double inner(MlpDescription mlp, double share) {
    return switch (mlp) {
      case MlpDescription.Plain plain -> share * plain.down().columns();
      case MlpDescription.Gated gated -> share * gated.down().columns();
      case MlpDescription.FusedGated fused -> share * fused.down().columns();
      case MlpDescription.Experts experts -> {
        double shared = experts.shared() == null ? 0 : inner(experts.shared().mlp(), share);
        yield shared + experts.expertsPerToken() * inner(experts.expert().apply(0), share);
      }
    };
  }

  private static long norms(BlockDescription block) {
    return Stream.of(block.attentionNorms(), block.mlpNorms())
        .flatMap(
            norms -> Stream.of(norms.before() != null, norms.after() != null, norms.sum() != null))
        .filter(there -> there)
        .count();
  }
}
