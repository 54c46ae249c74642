package io.github.wandacuda.library;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.DType;
import io.github.wandacuda.Mask;
import io.github.wandacuda.PruneOptions;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Matrices of several shapes and types with the masks that they should get, and calls for them. */
final class ManyCalls {
  private final List<Call> calls = new ArrayList<>();

  /** A matrix, and what is right for it. */
  private record Call(
      WeightMatrix weight,
      Criterion criterion,
      Sparsity sparsity,
      WeightMatrix result,
      byte[] mask) {
    WeightMatrix copy() {
      WeightMatrix copy =
          WeightMatrix.of(
              Arena.ofAuto().allocate(weight.data().byteSize(), 8),
              weight.dtype(),
              weight.rows(),
              weight.columns());
      copy.data().copyFrom(weight.data());
      return copy;
    }

    void check(WeightMatrix pruned) {
      assertThat(pruned.data().mismatch(result.data())).isEqualTo(-1);
    }
  }

  /**
   * Makes the matrices.
   *
   * @param rows of the largest
   */
  ManyCalls(int rows) {
    Sparsity[] amounts = {new Sparsity.Ratio(0.5), new Sparsity.GroupPattern(2, 4)};
    for (DType dtype : DType.values()) {
      for (Sparsity amount : amounts) {
        add(dtype, rows, 192, amount);
        add(dtype, rows / 8, 64, amount);
      }
    }
  }

  private void add(DType dtype, int rows, int columns, Sparsity amount) {
    WeightMatrix weight = Weights.random(dtype, rows, columns, calls.size());
    float[] norms = Weights.norms(columns, calls.size());
    boolean[][] kept = Weights.kept(weight, norms, amount);
    byte[] mask = Weights.bytes(Weights.mask(kept));
    WeightMatrix result = Weights.pruned(weight, kept);
    calls.add(new Call(weight, Criterion.wanda(norms), amount, result, mask));
  }

  /** Does one of the calls, in one of its ways, and checks what came of it. */
  void run(Pruner pruner, int number) {
    Call call = calls.get(number % calls.size());
    WeightMatrix weight = call.weight();
    Mask mask = Mask.allocate(weight.rows(), weight.columns());
    PruneOptions options = PruneOptions.DEFAULT;
    switch (number / calls.size() % 3) {
      case 0 -> pruner.mask(weight, mask, call.criterion(), call.sparsity(), options);
      case 1 -> {
        WeightMatrix copy = call.copy();
        pruner.prune(copy, call.criterion(), call.sparsity(), options.withMask(mask));
        call.check(copy);
      }
      default -> {
        WeightMatrix copy = call.copy();
        copy.data().fill((byte) number);
        pruner.prune(
            weight,
            copy,
            call.criterion(),
            call.sparsity(),
            options.withMask(mask).withWeightsChecked(true));
        call.check(copy);
      }
    }
    assertThat(Weights.bytes(mask)).as("call %d", number).isEqualTo(call.mask());
  }

  /** Does calls from several threads. */
  void run(Pruner pruner, int threads, int each) throws Exception {
    try (ExecutorService callers = Executors.newFixedThreadPool(threads)) {
      List<Future<?>> all = new ArrayList<>();
      for (int thread = 0; thread < threads; thread++) {
        int first = thread * each;
        all.add(
            callers.submit(
                () -> {
                  for (int i = 0; i < each; i++) {
                    run(pruner, first + i);
                  }
                }));
      }
      for (Future<?> one : all) {
        one.get();
      }
    }
  }
}
