package io.github.wandacuda.backend.check;

import static io.github.wandacuda.backend.check.CheckSide.TOKENS;
import static io.github.wandacuda.backend.check.CheckSide.WIDTH;

import io.github.wandacuda.DType;
import io.github.wandacuda.NumberFormat;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import java.util.ArrayList;
import java.util.List;

/** Linear layers of dense, packed and coded weights, and embeddings. */
final class LinearCases {
  private LinearCases() {}

  static List<KernelCase> all(Backend backend) {
    boolean fast = backend.precision().filter(Precision.FAST::equals).isPresent();
    double tolerance = fast ? KernelCase.FAST : KernelCase.SUMS;
    List<KernelCase> cases = new ArrayList<>();
    for (DType dtype : DType.values()) {
      // A token alone, as many as are multiplied row by row, and more.
      for (int tokens : new int[] {1, 3, 7, TOKENS, 2 * WIDTH}) {
        String what = "%d tokens, %s".formatted(tokens, dtype);
        cases.add(
            new KernelCase(
                "linear: " + what, tolerance, side -> multiplied(side, tokens, dtype, false)));
        if (backend.operations().multipliesSparse(dtype)) {
          cases.add(
              new KernelCase(
                  "linear_sparse: " + what,
                  tolerance,
                  side -> multiplied(side, tokens, dtype, true)));
        }
      }
      cases.add(KernelCase.exact("embed: " + dtype, side -> embedded(side, dtype)));
    }
    cases.add(codes(NumberFormat.E4M3, 8, NumberFormat.F32, 0x3f800000));
    cases.add(codes(NumberFormat.E2M1, 4, NumberFormat.E4M3, 0x38));
    cases.add(codes(NumberFormat.UNSIGNED, 3, NumberFormat.BF16, 0x3f80));
    return cases;
  }

  private static float[] multiplied(CheckSide side, int tokens, DType dtype, boolean packed) {
    int features = 2 * WIDTH + 1;
    Tensor x = side.tensor(tokens, WIDTH);
    Weight weight = side.weight(dtype, features, WIDTH, packed);
    Tensor out = side.tensor(tokens, features);
    side.operations.linear(x, weight, side.tensor(1, features), out);
    return side.download(out);
  }

  private static float[] embedded(CheckSide side, DType dtype) {
    Tensor out = side.tensor(3, WIDTH);
    side.operations.embed(side.weight(dtype, 9, WIDTH, false), new int[] {8, 0, 8}, out);
    return side.download(out);
  }

  /**
   * Codes are pruned by half where they lie, and multiplied with many tokens, few and one.
   *
   * @param one the bits of 1 in the scales' format
   */
  private static KernelCase codes(NumberFormat format, int bits, NumberFormat scale, int one) {
    return KernelCase.exact(
        "widen_codes, linear_codes: %s of %d bits".formatted(format, bits),
        side -> {
          QuantizedMatrix codes = side.codes(format, bits, scale, one);
          Weight weight = side.weight(codes);
          side.prune(weight, codes);
          Tensor x = side.tensor(TOKENS, WIDTH);
          Tensor out = side.tensor(TOKENS + 4, TOKENS);
          side.operations.linear(x, weight, null, out.rows(0, TOKENS));
          side.operations.linear(x.rows(0, 3), weight, null, out.rows(TOKENS, 3));
          side.operations.linear(x.rows(5, 1), weight, null, out.rows(TOKENS + 3, 1));
          return side.download(out);
        });
  }
}
