package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.BackendUnavailableException;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A device that computes otherwise is one whose compiler made something else of the source. */
@Tag("gpu")
class OpenClSelfTestTest {
  @ParameterizedTest
  @ValueSource(ints = {64, 128, 256})
  void aSoundDevicePasses(int items) {
    OpenClTarget target = FirstOpenCl.limited(items, 16 << 10);
    try (OpenClDevice device = OpenClDevice.open(target, KernelSources.packed())) {
      assertThat(OpenClSelfTest.problem(device)).isEmpty();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiterString = " => ",
      value = {
        "a * b + x[3 * ITEMS + i] => fma(a, b, x[3 * ITEMS + i]) => it rounds a product and a sum"
            + " once",
        "as_uint(small * b) => 0 => it loses subnormal float32 numbers",
        "as_uint(small * b) => as_uint(small * b + 1.0f) => it loses subnormal float32 numbers",
        "a / b => a * (1.0f / b) => its float32 quotients aren't the nearest",
        "passed[ITEMS - 1 - i] => passed[i] => its local memory doesn't hold",
        "atomic_add(&bins[i / 2], i) => bins[i / 2] = i => its local memory doesn't hold",
      })
  void anotherIsRefused(String sound, String other, String problem) {
    try (OpenClDevice device = AnyOpenCl.open(changed(sound, other))) {
      assertThat(OpenClSelfTest.problem(device))
          .hasValueSatisfying(found -> assertThat(found).startsWith(problem));
    }
  }

  @Test
  void aRefusedDeviceIsNotOpened() {
    OpenClBackendProvider provider =
        new OpenClBackendProvider(OpenClLibrary.names(), changed("passed[ITEMS - 1 - i]", "0"));
    int device = OpenClTarget.all().indexOf(AnyOpenCl.target());
    assertThatThrownBy(() -> provider.open(device, 1))
        .isInstanceOf(BackendUnavailableException.class)
        .hasMessageStartingWith("opencl device " + device + " (")
        .hasMessageEndingWith(
            ") can't be used: its local memory doesn't hold what a work-group wrote to it");
  }

  private static KernelSources changed(String sound, String other) {
    return FirstOpenCl.changedSources("self_test.cl", Map.of(sound, other));
  }
}
