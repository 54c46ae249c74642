package io.github.wandacuda.job.record;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.forward.Precision;
import java.util.Map;

/**
 * The device that has done the work, by the names that results have.
 *
 * @param precision in which 16-bit weights are multiplied
 */
public record ComputedOn(String backend, String device, String precision) {
  public static ComputedOn of(Backend backend) {
    return new ComputedOn(backend.name(), backend.device(), Precision.label(backend.precision()));
  }

  public void addTo(Map<String, Object> object) {
    object.put("backend", backend);
    object.put("device", device);
    object.put("precision", precision);
  }
}
