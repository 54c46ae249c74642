package io.github.wandacuda.backend.opencl;

import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jocl.CL;

/** What made-up devices say about themselves. */
final class Facts {
  /** A GPU that can be used. */
  static final DeviceFacts GOOD =
      new DeviceFacts(
          "GPU",
          "Maker",
          "OpenCL 1.2 made up",
          true,
          true,
          true,
          true,
          64,
          CL.CL_FP_DENORM,
          true,
          256,
          32 << 10,
          3L << 30,
          1L << 30,
          20);

  private Facts() {}

  /** Returns a good GPU's facts but for one, by its name there. */
  static DeviceFacts with(String name, Object fact) {
    return with(GOOD, name, fact);
  }

  /** Returns a device's facts but for one, by its name there. */
  static DeviceFacts with(DeviceFacts facts, String name, Object fact) {
    List<Object> all = new ArrayList<>();
    RecordComponent[] components = DeviceFacts.class.getRecordComponents();
    try {
      for (RecordComponent each : components) {
        all.add(each.getName().equals(name) ? fact : each.getAccessor().invoke(facts));
      }
      Class<?>[] types =
          Stream.of(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
      return DeviceFacts.class.getDeclaredConstructor(types).newInstance(all.toArray());
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }
}
