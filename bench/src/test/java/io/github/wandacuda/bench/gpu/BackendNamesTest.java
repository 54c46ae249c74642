package io.github.wandacuda.bench.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BackendNamesTest {
  @ParameterizedTest
  @CsvSource({
    "[class:io.github.wandacuda.parity.GpuParityCudaModelTest], true, false",
    "[class:io.github.wandacuda.parity.GpuParityOpenClModelTest], false, true",
    "[class:io.github.wandacuda.backend.opencl.SelectTest], false, true",
    "[class:io.github.wandacuda.parity.SameMasksTest], true, true",
    "SameMasksTest > on cuda and opencl, true, true"
  })
  void namesTellWhoseATestIs(String name, boolean cuda, boolean openCl) {
    assertEquals(cuda, new BackendNames("cuda").concerns(name));
    assertEquals(openCl, new BackendNames("opencl").concerns(name));
  }
}
