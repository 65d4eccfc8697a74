-- Ends what a statement may reach: no file but the open one, no network, no extension, and no setting any more.
SET TimeZone = 'UTC';
SET default_null_order = 'nulls_last_on_asc_first_on_desc'; -- as PostgreSQL
SET enable_progress_bar = false; -- it would be shown on stdout, among the data
SET autoinstall_known_extensions = false;
SET autoload_known_extensions = false;
SET allow_community_extensions = false;
SET python_enable_replacements = false; -- else a name that is no table could be one of our own variables
SET enable_external_access = false;
SET lock_configuration = true
