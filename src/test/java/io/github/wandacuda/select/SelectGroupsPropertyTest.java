package io.github.wandacuda.select;

import io.github.wandacuda.testing.selection.SelectGroupsProperties;
import net.jqwik.api.PropertyDefaults;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tag;

@Tag("operation")
@PropertyDefaults(shrinking = ShrinkingMode.BOUNDED)
class SelectGroupsPropertyTest extends OnEachBackend implements SelectGroupsProperties {}
