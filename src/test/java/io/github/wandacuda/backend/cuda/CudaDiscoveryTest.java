package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.backend.DeviceDescription;
import io.github.wandacuda.cli.Main;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Words;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import jcuda.driver.CUcomputemode;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("gpu")
@Tag("pretend")
class CudaDiscoveryTest {
  @TempDir Path directory;

  private final CudaBackendProvider provider = new CudaBackendProvider();
  @AutoClose private final PretendCuda driver = PretendCuda.start();

  private void assertOneUnusable(String reason) {
    assertThat(provider.devices())
        .containsExactly(new DeviceDescription(0, "NVIDIA GPU", false, true, reason));
    assertThatExceptionOfType(BackendUnavailableException.class)
        .isThrownBy(() -> Backends.open("cuda", 0, 1).backend().close())
        .withMessage("cuda device 0 (NVIDIA GPU) can't be used: " + reason);
  }

  @Test
  void tellsWhatEachDeviceHas() {
    driver.devices(2);
    driver.memory(3L << 29);
    driver.capability(89);
    driver.driverVersion(12040);
    List<DeviceDescription> devices = provider.devices();
    assertThat(devices).extracting(DeviceDescription::index).containsExactly(0, 1);
    assertThat(devices)
        .allSatisfy(
            device -> {
              assertThat(device.name()).isEqualTo("Pretend GPU sm_89");
              assertThat(device.usable()).isTrue();
              assertThat(device.preferred()).isTrue();
              assertThat(device.reason())
                  .isEqualTo(
                      "1.5 GiB, compute capability 8.9, driver for CUDA 12.4, " + Cublas.linear());
            });
  }

  @Test
  void anOldDriver() {
    driver.driverVersion(11040);
    assertOneUnusable(
        "the NVIDIA driver is too old: it supports CUDA 11.4, expected 11.8 or later (driver 520)");
  }

  @Test
  void noDevice() {
    driver.devices(0);
    assertOneUnusable("cuInit failed: CUDA_ERROR_NO_DEVICE (no CUDA-capable device is detected)");
  }

  @Test
  void aDriverThatDoesNotFitItsKernelModule() {
    int mismatch = CUresult.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH;
    driver.fail("cuInit", 1, mismatch);
    assertThat(provider.devices())
        .singleElement()
        .satisfies(
            device -> {
              assertThat(device.usable()).isFalse();
              assertThat(device.reason())
                  .isEqualTo("cuInit failed: " + CudaContext.describe(mismatch))
                  .contains("CUDA_ERROR_SYSTEM_DRIVER_MISMATCH");
            });
    assertThat(provider.devices()).allMatch(DeviceDescription::usable);
  }

  @Test
  void anOldDevice() {
    driver.devices(2);
    driver.capability(70);
    String reason = "compute capability 7.0 is too low, the kernels need 7.5 or more";
    assertThat(provider.devices())
        .containsExactly(
            new DeviceDescription(0, "Pretend GPU sm_70", false, true, reason),
            new DeviceDescription(1, "Pretend GPU sm_70", false, true, reason));
    assertThatExceptionOfType(BackendUnavailableException.class)
        .isThrownBy(() -> CudaDevice.open(1, Precision.DEFAULT))
        .withMessage("cuda device 1 (Pretend GPU sm_70) can't be used: " + reason);
    assertThatExceptionOfType(BackendUnavailableException.class)
        .isThrownBy(() -> Backends.open("cuda", 2, 1).backend().close())
        .withMessage("cuda has no usable device: " + reason + "; 'wanda-cuda devices' lists them");
  }

  @Test
  void aProhibitedDevice() {
    driver.computeMode(CUcomputemode.CU_COMPUTEMODE_PROHIBITED);
    String reason = "its compute mode is prohibited (nvidia-smi -c DEFAULT allows it)";
    assertThat(provider.devices())
        .containsExactly(new DeviceDescription(0, "Pretend GPU sm_80", false, true, reason));
  }

  /** The other process is the program, which goes on to the next device. */
  @Test
  @Thorough
  void aDeviceThatAnotherProcessHas() {
    driver.devices(2);
    driver.computeMode(CUcomputemode.CU_COMPUTEMODE_EXCLUSIVE_PROCESS);
    try (CudaDevice held = CudaDevice.open(0, Precision.DEFAULT)) {
      assertThat(held.memory().freeBytes()).isPositive();
      assertThat(provider.devices()).as("this one's").allMatch(DeviceDescription::usable);
      String reason = "another process has it for itself, as its compute mode says";
      assertThat(other("devices").succeeds().out())
          .containsPattern("(?m)^cuda +0 +no +Pretend GPU sm_80 +" + reason + "$")
          .containsPattern("(?m)^cuda +1 +yes +Pretend GPU sm_80 ");
      String prune = "prune --method magnitude --model %s --output %s --backend ";
      other(Words.of(prune + "cuda --device 0", TestData.TINY_LLAMA, directory.resolve("refused")))
          .isRefused(4, "cuda device 0 (Pretend GPU sm_80) can't be used: " + reason);
      Ended first =
          other(Words.of(prune + "auto --verbose", TestData.TINY_LLAMA, directory.resolve("1")));
      assertThat(first.succeeds().said()).contains("passed over cuda (" + reason + ")");
      Ended all =
          other(Words.of(prune + "auto --device all", TestData.TINY_LLAMA, directory.resolve("2")));
      assertThat(all.succeeds().said())
          .contains("backend cuda, Pretend GPU sm_80: the first that is usable");
    }
    assertThat(other("devices").out()).doesNotContain("another process");
  }

  private static Ended other(Object... arguments) {
    List<String> options =
        List.of("--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED");
    return Command.main(options, Main.class, arguments)
        .with(
            Map.of(
                "LD_LIBRARY_PATH", PretendCuda.DIRECTORY.toAbsolutePath().toString(),
                "PRETEND_CUDA_DEVICES", "2",
                "PRETEND_CUDA_MODE", "3"))
        .run();
  }

  @Test
  void aDeviceThatIsNotThere() {
    assertThatExceptionOfType(BackendUnavailableException.class)
        .isThrownBy(() -> CudaDevice.open(1, Precision.DEFAULT))
        .withMessageStartingWith("cuda device 1: failed: cuDeviceGet: CUDA_ERROR_INVALID_DEVICE (");
    assertThatExceptionOfType(BackendUnavailableException.class)
        .isThrownBy(() -> Backends.open("cuda", 1, 1).backend().close())
        .withMessage("cuda has no device 1: it has one, device 0; 'wanda-cuda devices' lists them");
  }

  @Test
  void aDeviceWhoseMemoryOthersHave() {
    driver.fail("cuDevicePrimaryCtxRetain", 1, CUresult.CUDA_ERROR_OUT_OF_MEMORY);
    assertThatExceptionOfType(BackendUnavailableException.class)
        .isThrownBy(() -> provider.open(0, 1))
        .withMessageStartingWith(
            "cuda device 0 (Pretend GPU sm_80): cuDevicePrimaryCtxRetain: CUDA_ERROR_OUT_OF_MEMORY"
                + " (");
  }

  @Test
  void isTheFirstChoice() {
    Backends.Choice choice = Backends.open(Backends.AUTO, 0, 1);
    try (Backend backend = choice.backend()) {
      assertThat(backend.name()).isEqualTo("cuda");
      assertThat(backend.device()).isEqualTo("Pretend GPU sm_80");
      assertThat(choice.reason()).isEqualTo("the first usable backend");
    }
  }
}
