package io.github.wandacuda.select;

import io.github.wandacuda.testing.selection.SelectRowsProperties;
import net.jqwik.api.PropertyDefaults;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tag;

@Tag("operation")
@PropertyDefaults(shrinking = ShrinkingMode.BOUNDED)
class SelectRowsPropertyTest extends OnEachBackend implements SelectRowsProperties {}
