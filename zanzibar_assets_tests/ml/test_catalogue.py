from zanzibar_assets.contracts.registry import TABLES, polars_schema
from zanzibar_assets.ml.catalogue import AS_OF, BAR_CLOSE, FEATURE_NAMES, FEATURES


def test_the_contract_holds_exactly_the_catalogue():
    assert tuple(polars_schema("feature_matrix"))[2:] == FEATURE_NAMES
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES)


def test_each_feature_says_where_it_comes_from_and_when_it_is_known():
    for feature in FEATURES:
        assert feature.source in TABLES, feature.name
        assert feature.known_at_rule in (BAR_CLOSE, AS_OF), feature.name
        assert all((feature.unit, feature.window, feature.owner, feature.description)), feature.name
        assert feature.owner in {table.stage.value for table in TABLES.values()}, feature.name
