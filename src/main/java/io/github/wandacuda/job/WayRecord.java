package io.github.wandacuda.job;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.pruning.SparsityParser;
import io.github.wandacuda.pruning.Unreached;
import java.io.Serializable;
import java.util.Optional;
import java.util.Set;

/**
 * A way of pruning as it is sent to other machines.
 *
 * @param label what people call it
 * @param ratio the fraction that goes, or null
 * @param pattern the pattern, or null
 * @param files the SHA-256 of the files that say what is done, or null
 * @param rules what is done
 * @param allocation how totals were shared out, or null
 */
record WayRecord(
    String label, Double ratio, String pattern, String files, RulesRecord rules, String allocation)
    implements Serializable {

  static WayRecord of(Comparison.Way way) {
    Sparsity sparsity = way.sparsity().orElse(null);
    return new WayRecord(
        way.label(),
        sparsity instanceof Sparsity.Ratio fraction ? fraction.fraction() : null,
        sparsity instanceof Sparsity.GroupPattern groups ? groups.toString() : null,
        way.files(),
        RulesRecord.of(way.shared().rules()),
        way.shared().label());
  }

  Comparison.Way way() {
    Optional<Sparsity> fraction = Optional.ofNullable(ratio).map(Sparsity.Ratio::new);
    return new Comparison.Way(
        label,
        pattern == null ? fraction : Optional.of(SparsityParser.pattern(pattern)),
        files,
        new SharedSparsity(rules.rules(Unreached.MAGNITUDE, Set.of()), allocation));
  }
}
