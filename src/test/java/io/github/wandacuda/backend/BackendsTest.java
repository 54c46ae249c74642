package io.github.wandacuda.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.wandacuda.error.BackendUnavailableException;
import java.util.List;
import org.junit.jupiter.api.Test;

class BackendsTest {
  private static DeviceDescription device(int index, boolean usable, boolean preferred) {
    return new DeviceDescription(index, "some", usable, preferred, "");
  }

  @Test
  void ofAllDevicesThePreferredComeFirst() {
    List<DeviceDescription> devices =
        List.of(
            device(0, true, false),
            device(1, false, true),
            device(2, true, true),
            device(3, true, true));
    assertThat(Backends.usable(devices))
        .extracting(DeviceDescription::index)
        .containsExactly(2, 3, 0);
  }

  @Test
  void aNumberThatIsTooHighIsAnsweredWithThoseThereAre() {
    assertThatExceptionOfType(BackendUnavailableException.class)
        .isThrownBy(() -> Backends.open("cpu", 3, 1).backend().close())
        .withMessage("cpu has no device 3: it has one, device 0; 'wanda-cuda devices' lists them");
  }
}
