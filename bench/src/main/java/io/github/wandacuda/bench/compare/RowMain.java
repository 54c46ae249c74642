package io.github.wandacuda.bench.compare;

import io.github.wandacuda.bench.common.Directories;
import io.github.wandacuda.bench.common.Json;
import io.github.wandacuda.bench.common.Machine;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** Measures one row, in a process that does nothing else. */
final class RowMain {
  private RowMain() {}

  /** Arguments: the row's name, the file that its result goes to, then those of {@link Options}. */
  public static void main(String[] args) {
    Options options = Options.parse(Arrays.copyOfRange(args, 2, args.length));
    Plan plan = Plan.read(Options.rows(), options.quick());
    Row row = plan.row(args[0]);
    Place place =
        new Place(
            Path.of("").toAbsolutePath(),
            options.memory().toAbsolutePath(),
            options.disk().toAbsolutePath());
    Json.write(Path.of(args[1]), measure(row, place, plan.settings()));
    // Threads of a case that failed half-way must not keep the process.
    System.exit(0);
  }

  private static Map<String, Object> measure(Row row, Place place, Settings settings) {
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("row", row.name());
    result.put("parameters", row.parameters());
    clean(place);
    Directories.create(place.memory());
    Directories.create(place.disk());
    try {
      Pairs pairs = new Pairs(settings.withPairs(row.group().pairs()));
      result.putAll(Measurements.of(row.group()).measure(row, place, pairs).map());
    } catch (NotRunException e) {
      result.put("not_run", e.getMessage());
    } catch (RuntimeException e) {
      e.printStackTrace();
      result.put("failed", e.toString());
    } finally {
      clean(place);
    }
    result.put("date", LocalDate.now(ZoneOffset.UTC).toString());
    result.put("machine", Machine.facts());
    return result;
  }

  private static void clean(Place place) {
    Directories.delete(place.memory());
    Directories.delete(place.disk());
  }
}
