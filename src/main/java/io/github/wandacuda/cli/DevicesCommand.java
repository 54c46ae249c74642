package io.github.wandacuda.cli;

import io.github.wandacuda.backend.BackendProvider;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.backend.DeviceDescription;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Lists every backend and device, usable or not and why. */
@Command(
    name = "devices",
    description = "Lists every backend and device, usable or not and why.",
    mixinStandardHelpOptions = true)
final class DevicesCommand implements Runnable {
  @Mixin private OutputOptions output;

  @Override
  public void run() {
    List<Map<String, Object>> devices = new ArrayList<>();
    for (BackendProvider provider : Backends.providers()) {
      provider.devices().forEach(device -> devices.add(row(provider, device)));
    }
    output.result(
        Map.of("devices", devices),
        () -> devices.stream().map(DevicesCommand::line).collect(Collectors.joining("\n")));
  }

  private static Map<String, Object> row(BackendProvider provider, DeviceDescription device) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("backend", provider.name());
    row.put("device", device.index());
    row.put("name", device.name());
    row.put("usable", device.usable());
    row.put("reason", device.reason());
    return row;
  }

  private static String line(Map<String, Object> row) {
    return "%s %s  %s  %s: %s"
        .formatted(
            row.get("backend"),
            row.get("device"),
            (boolean) row.get("usable") ? "usable    " : "not usable",
            row.get("name"),
            row.get("reason"));
  }
}
